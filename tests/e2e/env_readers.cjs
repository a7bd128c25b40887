// What npm's own readers make of the env files of a directory: `node env_readers.cjs vite|next|dotenv <directory>`.
const fs = require("node:fs");
const path = require("node:path");

const readers = {
  vite: async (root) => (await import("vite")).loadEnv("development", root, ""),
  next: async (root) => require("@next/env").loadEnvConfig(root, true, { info() {}, error() {} }).combinedEnv,
  dotenv: async (root) => {
    const files = [".env", ".env.development", ".env.local", ".env.development.local"].map((name) => path.join(root, name));
    const texts = files.filter((file) => fs.existsSync(file)).map((file) => fs.readFileSync(file, "utf8"));
    const parsed = Object.assign({}, ...texts.map((text) => require("dotenv").parse(text)));
    return require("dotenv-expand").expand({ parsed, processEnv: {} }).parsed;
  },
};

readers[process.argv[2]](process.argv[3]).then((env) => console.log(JSON.stringify(env)));
