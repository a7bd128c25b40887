class AddPrice < ActiveRecord::Migration[6.1]
  def change
    add_column :products_product, :price, :integer, default: 0
  end
end
