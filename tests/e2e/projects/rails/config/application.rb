# A project whose config/database.yml leaves its database to DATABASE_URL, as Rails itself reads it
require "rails"
require "active_record/railtie"
require "rails/test_unit/railtie"

module Shop
  class Application < Rails::Application
    config.load_defaults 6.1
    config.eager_load = false
    config.secret_key_base = "of a test"
    config.logger = Logger.new($stderr, level: Logger::WARN)
  end
end
