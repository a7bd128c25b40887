exports.up = (knex) => knex.schema.alterTable("products_product", (table) => { table.integer("price").defaultTo(0); });
exports.down = (knex) => knex.schema.alterTable("products_product", (table) => { table.dropColumn("price"); });
