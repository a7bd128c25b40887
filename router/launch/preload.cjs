// Loaded by Node before every program of one command (NODE_OPTIONS=--require): tells each server its own port.
// What is known of the servers stands in DATA, in front of this text.
"use strict";
(() => {
  if (!require("worker_threads").isMainThread) return;
  const path = require("path");
  const program = process.argv[1] || "";
  const base = path.basename(program);
  const name = base.replace(/\.[cm]?js$/, "");

  function directory() {
    try {
      return require("fs").realpathSync(process.cwd());
    } catch {
      return "";
    }
  }

  // The script that a package manager is asked for, else the one that this program is of.
  function script() {
    const words = process.argv.slice(2).filter((word) => !word.startsWith("-"));
    const asked = /^(npm-cli|pnpm|yarn|npm-run)$/.test(name) && (words[0] === "run" ? words[1] : words[0]);
    return asked || process.env.npm_lifecycle_event || "";
  }

  // The one with the deepest directory; where several have it, the one that says most.
  function target(cwd) {
    const fits = (each) =>
      (cwd === each.folder || cwd.startsWith(`${each.folder}/`)) &&
      (!each.program || each.program === base || each.program === name) &&
      (!each.script || each.script === script());
    const weight = (each) => 4 * each.folder.length + (each.program ? 2 : 0) + (each.script ? 1 : 0);
    return DATA.targets.filter(fits).sort((a, b) => weight(b) - weight(a))[0];
  }

  function server() {
    if (!program.includes("node_modules")) return undefined;
    const words = process.argv.slice(2);
    return DATA.servers.find((each) => {
      const plain = words.find((word, at) => !word.startsWith("-") && !each.valued.includes(words[at - 1])) || "";
      return (
        each.programs.includes(name) &&
        !each.others.includes(plain) &&
        (!each.subs.length || each.subs.includes(plain)) &&
        !words.some((word) => word === "--help" || word === "--version")
      );
    });
  }

  // The arguments without what they say of the port, and then what they have to say.
  function told({ options, flags }, port) {
    const kept = [];
    for (let at = 2; at < process.argv.length; at++) {
      const word = process.argv[at];
      const following = process.argv[at + 1];
      if (options.includes(word)) at += following && !following.startsWith("-") ? 1 : 0;
      else if (!options.includes(word.split("=")[0]) && !(options.includes(word.slice(0, 2)) && /^-\w\d+$/.test(word)))
        kept.push(word);
    }
    const end = kept.indexOf("--");
    const words = flags.map((flag) => flag.replace("{port}", port)).filter((flag) => !kept.includes(flag));
    kept.splice(end < 0 ? kept.length : end, 0, ...words);
    process.argv.splice(2, process.argv.length, ...kept);
  }

  const found = target(directory());
  if (!found) return;
  for (const variable of DATA.variables) process.env[variable] = String(found.port);
  const known = server();
  if (known && known.flags.length) told(known, String(found.port));
})();
