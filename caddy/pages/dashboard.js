"use strict";
// Shows status.json as the watcher last wrote it, and asks for it again every second while the page is visible.
const INTERVAL = 1000;
const COUNTING = 10_000; // milliseconds between two questions for the memory, which takes the watcher a moment to measure
const SILENT = 15; // seconds without a heartbeat
const byId = (id) => document.getElementById(id);
const filter = byId("filter");
const rows = new Map(); // path of a worktree → its element, the JSON it shows, and the text that the filter searches
let etag = null;
let memory = null; // of each worktree by its path, and of all together
let counted = 0;
let status = null;
let heartbeat = null; // the last look at it: { alive, last }, null before the first
let caddyAnswers = true;
let lastAnswer = new Date();

// Every text becomes a text node: a branch may be called <img src=x onerror=…>
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) element.setAttribute(name, value);
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== ""));
  return element;
}

function link(url, text = url.replace(/^https?:\/\//, "").replace(/\/$/, "")) {
  return /^https?:\/\//.test(url) ? el("a", { href: url }, text) : el("span", {}, text);
}

const moment = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`);
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
function duration(seconds) {
  const [length, unit] = UNITS.find(([length]) => seconds >= length) ?? [1, "s"];
  return `${Math.floor(seconds / length)} ${unit}`;
}
const endpoint = ({ address, port }) => `${address?.includes(":") ? `[${address}]` : address}:${port}`;

// The same words as source_text in router/status.py; a test runs both over tests/port_sources.json
const SOURCES = { hash: "default", index: "by number", free: "next free", settings: "router.toml" };
function sourceText(source, program) {
  const [, kind, name] = /^([^:]*):?(.*)$/s.exec(source ?? "");
  if (kind === "listener") return program ? `${program} (found)` : "found";
  if (kind === "container") return `container ${name}`;
  return name || (SOURCES[kind] ?? kind);
}

function problem({ kind, service, message, hint, severity }) {
  return el("li", { class: severity === "error" ? "error" : "warning" },
    el("span", { class: "tag" }, kind), " ", service ? `${service}: ` : "", message,
    hint ? el("span", { class: "hint" }, hint) : null);
}

function service([name, service]) {
  return el("li", { class: service.up ? "up" : "down" },
    el("span", { class: "state" }, service.up ? "up" : "down"),
    el("span", { class: "service" }, name),
    el("span", { class: "host" }, link(service.url)),
    el("code", { class: "port" }, endpoint(service)),
    el("span", { class: "source muted", title: "where the port comes from" }, sourceText(service.source, service.program)),
    el("span", { class: "program muted", title: service.pid && `pid ${service.pid}` }, service.program ?? ""));
}

function worktree(tree) {
  const port = new URL(tree.url).port;
  const aliases = tree.aliases.map((alias) => link(`http://${alias}.localhost${port && `:${port}`}`));
  const tags = [tree.main && "main checkout", tree.detached && "detached"].filter(Boolean);
  return [
    el("div", { class: "who" },
      el("div", { class: "title" }, el("h3", {}, link(tree.url, tree.name)), tags.map((tag) => el("span", { class: "tag" }, tag))),
      tree.branch == null ? null : el("p", {}, el("code", { class: "branch" }, tree.branch)),
      el("p", { class: "muted path" }, el("code", {}, tree.path)),
      uses(memory?.worktrees[tree.path]),
      aliases.length ? el("p", { class: "muted" }, "also ", aliases.flatMap((alias, i) => (i ? [", ", alias] : [alias]))) : null),
    el("div", { class: "what" },
      el("ul", { class: "services", "aria-label": `Services of ${tree.name}` }, Object.entries(tree.services).map(service)),
      tree.problems.length ? el("ul", { class: "problems", "aria-label": `Problems of ${tree.name}` }, tree.problems.map(problem)) : null),
  ];
}

// What memory a worktree uses, and what of it "router stop" would give back
function uses(own) {
  if (!own?.bytes) return null;
  const rest = Object.entries(own.shown).filter(([, used]) => used >= 1e6).map(([role, used]) => `${role} ${size(used)}`);
  const parts = [own.reclaimable ? `servers ${size(own.reclaimable)}` : "", ...rest].filter(Boolean);
  return el("p", { class: "muted memory", title: "“router stop” gives back what the servers use" },
    `${size(own.bytes)} of memory${parts.length ? `: ${parts.join(", ")}` : ""}`);
}

// The row of a worktree, filled again only when something about it changed; the focused link stays focused
function row(tree) {
  const json = JSON.stringify([tree, memory?.worktrees[tree.path]]);
  const entry = rows.get(tree.path) ?? { element: el("li", { class: "worktree" }) };
  if (entry.json === json) return entry;
  const focused = entry.element.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  entry.element.replaceChildren(...worktree(tree));
  if (focused) [...entry.element.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused)?.focus();
  const words = [tree.repository, entry.element.textContent, tree.problems.length ? "problem" : ""];
  Object.assign(entry, { json, text: words.join(" ").toLowerCase() });
  rows.set(tree.path, entry);
  return entry;
}

// Makes `wanted` the children of `parent`, moving only what differs, so that focus and selection stay
function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, i) => parent.children[i] === child || parent.insertBefore(child, parent.children[i] ?? null));
}

function repository(name, trees) {
  const section = [...byId("repositories").children].find((child) => child.dataset.name === name)
    ?? el("section", { "data-name": name }, el("h2", {}), el("ul", { class: "worktrees" }));
  section.firstChild.textContent = name;
  arrange(section.lastChild, trees.sort((a, b) => b.main - a.main).map((tree) => row(tree).element));
  return section;
}

function showWorktrees() {
  const groups = new Map();
  for (const tree of status.worktrees) groups.set(tree.repository, [...(groups.get(tree.repository) ?? []), tree]);
  const paths = new Set(status.worktrees.map((tree) => tree.path));
  for (const path of rows.keys()) if (!paths.has(path)) rows.delete(path);
  arrange(byId("repositories"), [...groups].map(([name, trees]) => repository(name, trees)));
  applyFilter();
}

// What removed worktrees left running, by worktree
function showOrphans() {
  const trees = new Map();
  for (const orphan of status.orphans ?? []) trees.set(orphan.path, [...(trees.get(orphan.path) ?? []), orphan]);
  byId("orphans").hidden = trees.size === 0;
  redraw(byId("orphans"), trees.size === 0 ? [] : [
    el("h2", {}, "Left over from worktrees that are gone"),
    el("ul", { class: "worktrees" }, [...trees.values()].map(leftover)),
  ]);
}

function leftover(orphans) {
  const { worktree, repository, path } = orphans[0];
  return el("li", { class: "worktree" },
    el("div", { class: "who" },
      el("div", { class: "title" }, el("h3", {}, worktree), el("span", { class: "tag" }, "gone")),
      el("p", {}, repository), el("p", { class: "muted path" }, el("code", {}, path))),
    el("div", { class: "what" }, el("ul", { class: "services", "aria-label": `Left over from ${worktree}` }, orphans.map(orphan))));
}

function orphan({ pid, program, role, ports, memory, age_s: age }) {
  return el("li", { class: "down" },
    el("span", { class: "state" }, "left"),
    el("span", { class: "service" }, role ?? "server"),
    el("span", { class: "host" }, `${program ?? "a process"}, pid ${pid}`),
    el("code", { class: "port" }, ports.join(", ")),
    el("span", { class: "source muted" }, size(memory)),
    el("span", { class: "program muted" }, duration(age)));
}

function applyFilter() {
  if (!status) return;
  const terms = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { element, text } of rows.values()) {
    element.hidden = !terms.every((term) => text.includes(term));
    shown += !element.hidden;
  }
  for (const section of byId("repositories").children) section.hidden = !section.querySelector(".worktree:not([hidden])");
  const trees = status.worktrees;
  byId("live").classList.toggle("empty", trees.length === 0);
  const up = trees.filter((tree) => tree.services.web?.up).length;
  const withProblems = trees.filter((tree) => tree.problems.length).length;
  const all = [count(trees.length, "worktree"), `${up} up`, memory?.memory.bytes ? size(memory.memory.bytes) : "", withProblems ? `${withProblems} with problems` : ""];
  say(byId("summary"), terms.length ? `${shown} of ${count(trees.length, "worktree")}` : all.filter(Boolean).join(" · "));
  say(byId("nothing"), trees.length ? "No worktree matches this filter." : "No worktree is routed yet. Run “router up” in a repository.");
  byId("nothing").hidden = shown > 0;
}

// A screen reader reads a live region aloud whenever it is written to: only write what is new
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showOauth() {
  const uris = status.oauth?.redirect_uris ?? [];
  const section = byId("oauth");
  section.hidden = uris.length === 0;
  if (section.dataset.shown === uris.join(" ")) return;
  section.dataset.shown = uris.join(" ");
  section.replaceChildren(el("h2", {}, `Redirect URI${uris.length === 1 ? "" : "s"} to register`),
    ...uris.map((uri) => {
      const text = el("code", {}, uri);
      const button = el("button", { type: "button", "aria-label": `Copy ${uri}` }, "Copy");
      button.addEventListener("click", () => copy(text, button));
      return el("p", {}, text, button);
    }));
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  } catch { // no clipboard here: select the text, ready to be copied with the keyboard
    getSelection().selectAllChildren(text);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

const pill = (good, text, title) => el("li", { class: good ? "up" : "down bad", title }, text);
const note = (kind, ...text) => el("div", { class: `note ${kind}` }, el("p", {}, ...text));

function showHealth() {
  const { caddy = {}, watcher = {} } = status ?? {};
  const alive = heartbeat ? heartbeat.alive && watcher.running !== false : true;
  const notes = [];
  if (!caddyAnswers) notes.push(note("error", `Caddy does not answer. This page shows the state of ${lastAnswer.toLocaleTimeString()}.`));
  else if (!alive) notes.push(note("warning", heartbeat.last
    ? `The watcher has given no sign of life since ${moment(heartbeat.last)}; routes still work. “router status” says what to do.`
    : "The watcher is not running; routes still work. Run “router up” to see changes again."));
  else if (!status) notes.push(note("", "Waiting for the watcher’s first status."));
  if (caddy.last_error) notes.push(note("error", "Caddy refused the last configuration and still serves the one before: ", el("code", {}, caddy.last_error)));
  const problems = status?.problems ?? [];
  if (problems.length) notes.push(el("ul", { class: "problems note", "aria-label": "Problems of the router" }, problems.map(problem)));
  redraw(byId("notes"), notes);
  if (!status) return;
  const load = caddy.last_load_ms == null ? "" : `, last load ${caddy.last_load_ms.toFixed(1)} ms`;
  const about = [caddy.version, caddy.mode, caddy.loads == null ? null : count(caddy.loads, "load")].filter(Boolean).join(", ");
  const serving = caddy.running === false ? "not running" : caddy.in_sync === false ? "out of sync" : "in sync";
  redraw(byId("health"), [
    pill(caddyAnswers && serving === "in sync", caddyAnswers ? `Caddy ${serving}${load}` : "Caddy does not answer", about),
    pill(alive && caddyAnswers, alive ? "Watcher running" : heartbeat.last ? "Watcher silent" : "Watcher not running", watcher.since ? `pid ${watcher.pid}, since ${moment(watcher.since)}` : null),
  ]);
}

function redraw(parent, children) {
  const shown = children.map((child) => child.outerHTML).join("");
  if (parent.dataset.shown === shown) return;
  parent.dataset.shown = shown;
  parent.replaceChildren(...children);
}

function ask(path, options) {
  return fetch(path, { cache: "no-store", signal: AbortSignal.timeout(5000), ...options });
}

async function readStatus() {
  const response = await ask("/.router/status.json", { headers: etag ? { "If-None-Match": etag } : {} });
  byId("plain").hidden = status !== null || response.ok; // without status.json the page lists Caddy's routes
  if (response.status !== 200) return;
  const read = await response.json();
  etag = response.headers.get("ETag");
  status = read;
  byId("live").hidden = false;
  showOauth();
  showWorktrees();
  showOrphans();
}

// Measured only while somebody looks; without a watcher, or with a Caddy that cannot reach it, there is none
async function readMemory() {
  if (!heartbeat?.alive || Date.now() - counted < COUNTING) return;
  counted = Date.now();
  try {
    const response = await ask("/.router/memory.json");
    const read = response.status === 200 ? await response.json() : {};
    memory = read.worktrees ? read : null;
  } catch { // it takes too long to measure, or the watcher has just ended
    memory = null;
  }
  if (status) showWorktrees();
}

// Both times are Caddy's, so that the browser's clock does not matter
async function readHeartbeat() {
  const response = await ask("/.router/heartbeat", { method: "HEAD" });
  const [now, last] = ["Date", "Last-Modified"].map((name) => Date.parse(response.headers.get(name)));
  heartbeat = { alive: response.ok && now - last <= SILENT * 1000, last: response.ok ? last : null };
}

let timer = null;
async function tick() {
  clearTimeout(timer);
  timer = null;
  try {
    await Promise.all([readStatus(), readHeartbeat()]);
    caddyAnswers = true;
    lastAnswer = new Date();
    readMemory(); // nobody waits for it
  } catch (error) {
    caddyAnswers = !(error instanceof TypeError || error.name === "TimeoutError"); // what fetch throws where none answers
    if (caddyAnswers) console.error(error);
  }
  showHealth();
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(tick, INTERVAL);
}

function move(step) {
  const links = [...document.querySelectorAll(".worktree:not([hidden]) h3 a")];
  const at = links.indexOf(document.activeElement?.closest(".worktree")?.querySelector("h3 a"));
  (links[at + step] ?? (step < 0 ? filter : links[at]))?.focus();
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { key } = event;
  const typing = document.activeElement === filter;
  if (key === "ArrowDown" || key === "ArrowUp") move(key === "ArrowDown" ? 1 : -1);
  else if (key === "Escape") { filter.value = ""; applyFilter(); filter.focus(); }
  else if (key === "Enter" && typing && filter.value.trim()) document.querySelector(".worktree:not([hidden]) h3 a")?.click();
  else if (key === "/" && !typing) filter.focus();
  else if (key.length === 1 && key !== " " && !typing) return filter.focus(); // the letter goes into the filter
  else return;
  event.preventDefault();
}

byId("plain").hidden = true;
filter.addEventListener("input", applyFilter);
document.addEventListener("keydown", key);
document.addEventListener("visibilitychange", () => document.hidden || tick());
tick();
