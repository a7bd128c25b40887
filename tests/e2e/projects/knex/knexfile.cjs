// A project that knows its database from DATABASE_URL alone
module.exports = { client: "pg", connection: process.env.DATABASE_URL };
