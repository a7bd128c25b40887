// The project's tests, in the worktree's own database; they run for as long as another run of them is under way
const assert = require("node:assert");
const fs = require("node:fs");
const test = require("node:test");
const knex = require("knex")(require("./knexfile.cjs"));

const meet = async (place) => {
  fs.writeFileSync(`${place}/${(await knex.raw("select current_database() as name")).rows[0].name}`, "");
  const deadline = Date.now() + 180_000;
  while (fs.readdirSync(place).length < 2) {
    assert(Date.now() < deadline, "the other run has not come");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

test("its columns are those of its own migrations", async () => {
  const columns = Object.keys(await knex("products_product").columnInfo());
  assert.deepEqual(columns, process.env.EXPECTED_COLUMNS.split(" "));
});

test("only its own rows are there while others test", async () => {
  await knex("products_product").delete();
  await knex("products_product").insert({ name: "b" });
  await meet(process.env.MEETING);
  assert.equal((await knex("products_product")).length, 1);
});

test.after(() => knex.destroy());
