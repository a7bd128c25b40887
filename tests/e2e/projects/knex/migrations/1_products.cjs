exports.up = (knex) => knex.schema.createTable("products_product", (table) => { table.increments("id"); table.string("name"); });
exports.down = (knex) => knex.schema.dropTable("products_product");
