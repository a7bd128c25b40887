class Product < ActiveRecord::Base
  self.table_name = "products_product"
end
