# The project's tests, in the worktree's own database; they run for as long as another run of them is under way
ENV["RAILS_ENV"] ||= "test"
require_relative "../config/environment"
require "rails/test_help"

class ProductTest < ActiveSupport::TestCase
  test "its columns are those of its own migrations" do
    assert_equal ENV.fetch("EXPECTED_COLUMNS").split, Product.column_names.sort
  end

  test "only its own rows are there while others test" do
    Product.delete_all
    Product.create!(name: "b")
    meet ENV.fetch("MEETING")
    assert_equal 1, Product.count
  end

  private

  def meet(place)
    File.write("#{place}/#{Product.connection.current_database}", "")
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 180
    until Dir.children(place).size >= 2
      assert Process.clock_gettime(Process::CLOCK_MONOTONIC) < deadline, "the other run has not come"
      sleep 0.02
    end
  end
end
