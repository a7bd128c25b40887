class CreateProducts < ActiveRecord::Migration[6.1]
  def change
    create_table(:products_product) { |table| table.string :name }
  end
end
