// Shows status.json as the watcher last wrote it, and asks for it again every second while the page is visible.
import * as actions from "./actions.js";
import * as details from "./details.js";
import { arrange, byId, copier, count, el, link, moment, button, problem, redraw, refill, say, size } from "./elements.js";
import { cells, isUp, orphan, rank, words } from "./row.js";

const INTERVAL = 1000;
const COUNTING = 10_000; // milliseconds between two questions for the memory, which takes the watcher a moment to measure
const LOOKING = 3000; // milliseconds between two questions for commits, agents and processes
const SILENT = 15; // seconds without a heartbeat
const filter = byId("filter");
const rows = new Map(); // path of a worktree → its element, what it shows, and the text that the filter searches
const folded = new Set(JSON.parse(stored("folded") ?? "[]")); // names of repositories
let more = {}; // what is asked for once the details of a worktree are open
let etag = null;
let memory = null; // of each worktree by its path, and of all together
let counted = 0;
let looks = null; // what the watcher looks up of each worktree while somebody sees this page
let looked = 0;
let status = null;
let heartbeat = null; // the last look at it: { alive, last }, null before the first
let caddyAnswers = true;
let lastAnswer = new Date();

class Silence extends Error {} // nobody answers

function stored(name, value) {
  try {
    return value === undefined ? localStorage.getItem(name) : localStorage.setItem(name, value);
  } catch {
    return null; // no storage allowed
  }
}

const treeAt = (path) => status?.worktrees.find((tree) => tree.path === path);
const memoryOf = (tree) => memory?.worktrees[tree.path];
const factsOf = (tree) => looks?.worktrees[tree.path] ?? {};
const watched = () => Boolean(heartbeat?.alive);

function changed() {
  if (status) showWorktrees();
  updateDetails();
}

function rowActions(tree) {
  return [
    actions.mainAction(tree, changed),
    button("Log", { class: "small", "aria-label": `Log of ${tree.name}` }, () => showDetails(tree, true)),
    button("Details", { class: "small", "aria-label": `Details of ${tree.name}` }, () => showDetails(tree)),
  ];
}

function showDetails(tree, log = false) {
  details.open(tree);
  actions.hideLog();
  more = {};
  if (watched()) actions.readMore(tree).then((found) => {
    if (details.openPath() !== tree.path) return;
    more = found;
    updateDetails();
  });
  updateDetails();
  byId("who").querySelector("h2").focus({ preventScroll: true });
  if (log) actions.showLog(tree);
}

function closeDetails() {
  actions.hideLog();
  return details.close();
}

function updateDetails() {
  const tree = treeAt(details.openPath());
  if (details.openPath()) details.show(tree, tree && { ...factsOf(tree), ...more }, tree && memoryOf(tree), tree ? [
    ...actions.moreActions(tree, changed),
    button("Log", { class: "small" }, () => actions.showLog(tree)),
  ] : []);
}

// The row of a worktree, filled again only when something of it changed; what is focused stays focused
function row(tree) {
  const entry = rows.get(tree.path) ?? { element: el("li", { class: "row worktree", tabindex: -1 }) };
  const made = cells(tree, factsOf(tree), memoryOf(tree), rowActions(tree));
  const html = made.map((cell) => cell.outerHTML).join("");
  if (entry.html !== html) refill(entry.element, made);
  entry.element.dataset.path = tree.path;
  Object.assign(entry, { html, tree, text: words(tree, factsOf(tree)) });
  rows.set(tree.path, entry);
  return entry;
}

function fold(name) {
  folded.has(name) ? folded.delete(name) : folded.add(name);
  stored("folded", JSON.stringify([...folded]));
  showWorktrees();
}

function repository(name, trees) {
  const section = [...byId("repositories").children].find((child) => child.dataset.name === name)
    ?? el("section", { "data-name": name }, el("h2", {}, button("", {}, () => fold(name))), el("ul", { class: "worktrees", "aria-label": name }));
  const up = trees.filter(isUp).length;
  const heading = section.querySelector("h2 button");
  heading.setAttribute("aria-expanded", String(!folded.has(name)));
  redraw(heading, [el("span", {}, name), el("span", { class: "muted" }, up ? `${up} of ${trees.length} up` : `${trees.length} down`)]);
  arrange(section.lastChild, trees.map((tree) => row(tree).element));
  return section;
}

// What is up stands first, then what sleeps, then what is down; so do the repositories
function showWorktrees() {
  const groups = new Map();
  const sorted = [...status.worktrees].sort((a, b) => rank(a) - rank(b) || b.main - a.main);
  for (const tree of sorted) groups.set(tree.repository, [...(groups.get(tree.repository) ?? []), tree]);
  for (const path of rows.keys()) if (!treeAt(path)) rows.delete(path);
  arrange(byId("repositories"), [...groups].map(([name, trees]) => repository(name, trees)));
  showChoice([...groups.keys()].sort());
  applyFilter();
}

function showChoice(names) {
  const choice = byId("repository");
  const chosen = choice.value;
  choice.hidden = names.length < 2;
  redraw(choice, [el("option", { value: "" }, "All repositories"), ...names.map((name) => el("option", { value: name }, name))]);
  choice.value = names.includes(chosen) ? chosen : "";
}

// What removed worktrees left running
function showOrphans() {
  const left = status.orphans ?? [];
  byId("orphans").hidden = left.length === 0;
  redraw(byId("orphans"), left.length === 0 ? [] : [
    el("h2", {}, "Left over from worktrees that are gone"),
    el("ul", { class: "worktrees" }, left.map(orphan)),
  ]);
}

function applyFilter() {
  if (!status) return;
  const terms = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const [only, chosen] = [byId("only").checked, byId("repository").value];
  const filtered = Boolean(terms.length || only || chosen);
  let shown = 0;
  for (const { element, text, tree } of rows.values()) {
    element.hidden = !terms.every((term) => text.includes(term)) || (only && !isUp(tree)) || (chosen && tree.repository !== chosen);
    shown += !element.hidden;
  }
  for (const section of byId("repositories").children) {
    section.hidden = !section.querySelector(".worktree:not([hidden])");
    section.lastChild.hidden = folded.has(section.dataset.name) && !filtered;
  }
  const trees = status.worktrees;
  byId("live").classList.toggle("empty", trees.length === 0);
  const all = [count(trees.length, "worktree"), `${trees.filter(isUp).length} up`, memory?.memory.bytes ? size(memory.memory.bytes) : ""];
  say(byId("summary"), filtered ? `${shown} of ${count(trees.length, "worktree")}` : all.filter(Boolean).join(" · "));
  say(byId("nothing"), trees.length ? "No worktree matches this filter." : "No worktree is routed yet. Run “router up” in a repository.");
  byId("nothing").hidden = shown > 0;
}

// Every problem, the router's own first: a count, which opens the list
function showProblems() {
  const found = [...(status.problems ?? []).map((each) => [each]), ...status.worktrees.flatMap((tree) => tree.problems.map((each) => [each, tree]))];
  const opener = byId("trouble");
  opener.hidden = found.length === 0;
  opener.classList.toggle("error", found.some(([{ severity }]) => severity === "error"));
  say(opener, count(found.length, "problem"));
  byId("problems").hidden = opener.getAttribute("aria-expanded") !== "true" || found.length === 0;
  redraw(byId("problems"), [el("ul", { class: "problems" }, found.map(([each, tree]) => problem(each, tree ? [link(tree.url, tree.name), " "] : null)))]);
}

function showOauth() {
  const uris = status.oauth?.redirect_uris ?? [];
  byId("oauth").hidden = uris.length === 0;
  redraw(byId("oauth"), [el("h2", {}, `Redirect URI${uris.length === 1 ? "" : "s"}`), ...uris.map((uri) => {
    const text = el("code", {}, uri);
    return el("p", {}, text, copier(uri, text));
  })]);
}

const pill = (good, text, title) => el("li", { class: good ? "good" : "bad", title }, el("span", { class: "dot" }), text);
const note = (kind, ...text) => el("div", { class: `note ${kind}` }, el("p", {}, ...text));

function showNotes(alive) {
  const { caddy = {} } = status ?? {};
  const notes = [];
  if (!caddyAnswers) notes.push(note("error", `Caddy does not answer. This page shows the state of ${lastAnswer.toLocaleTimeString()}.`));
  else if (!alive) notes.push(note("warning", heartbeat.last
    ? `The watcher has given no sign of life since ${moment(heartbeat.last)}; routes still work. “router status” says what to do.`
    : "The watcher is not running; routes still work. Run “router up” to see changes again."));
  else if (!status) notes.push(note("", "Waiting for the watcher’s first status."));
  if (caddy.last_error) notes.push(note("error", "Caddy refused the last configuration and still serves the one before: ", el("code", {}, caddy.last_error)));
  redraw(byId("notes"), notes);
}

function showHealth() {
  const { caddy = {}, watcher = {} } = status ?? {};
  const alive = heartbeat ? heartbeat.alive && watcher.running !== false : true;
  showNotes(alive);
  if (!status) return;
  const load = caddy.last_load_ms == null ? null : `last load ${caddy.last_load_ms.toFixed(1)} ms`;
  const about = [caddy.version, caddy.mode, caddy.loads == null ? null : count(caddy.loads, "load"), load].filter(Boolean).join(", ");
  const serving = caddy.running === false ? "not running" : caddy.in_sync === false ? "out of sync" : "in sync";
  redraw(byId("health"), [
    pill(caddyAnswers && serving === "in sync", caddyAnswers ? `Caddy ${serving}` : "Caddy does not answer", about),
    pill(alive && caddyAnswers, alive ? "Watcher running" : heartbeat.last ? "Watcher silent" : "Watcher not running", watcher.since ? `pid ${watcher.pid}, since ${moment(watcher.since)}` : null),
  ]);
}

async function ask(path, options) {
  try {
    return await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(5000), ...options });
  } catch (cause) {
    throw new Silence(path, { cause });
  }
}

async function readStatus() {
  const response = await ask("/.router/status.json", { headers: etag ? { "If-None-Match": etag } : {} });
  byId("plain").hidden = status !== null || response.ok; // without status.json the page lists Caddy's routes
  if (response.status === 200) {
    const read = await response.json();
    etag = response.headers.get("ETag");
    status = read;
    byId("live").hidden = byId("bar").hidden = false;
    showOauth();
    showProblems();
    showOrphans();
  }
  if (status) showWorktrees(); // times go on
  if (status) followHash();
  updateDetails();
}

// http://localhost:8080/#<label> shows the details of that worktree, as the starting page links to; it does nothing more
function followHash() {
  const tree = status.worktrees.find((each) => each.name === location.hash.slice(1));
  if (!tree) return;
  history.replaceState(null, "", location.pathname);
  showDetails(tree);
}

// Measured only while somebody looks; without a watcher, or with a Caddy that cannot reach it, there is none
async function readMemory() {
  if (!watched() || Date.now() - counted < COUNTING) return;
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

async function readLooks() {
  if (!watched() || Date.now() - looked < LOOKING) return;
  looked = Date.now();
  try {
    const response = await ask("/.router/worktrees.json");
    looks = response.status === 200 ? await response.json() : null;
  } catch {
    looks = null;
  }
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
    readMemory(); // nobody waits for these
    readLooks();
    if (watched()) actions.prepare();
    actions.followLog();
  } catch (error) {
    caddyAnswers = !(error instanceof Silence);
    if (caddyAnswers) console.error(error);
  }
  showHealth();
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(tick, INTERVAL);
}

const visibleRows = () => [...document.querySelectorAll(".worktree")].filter((each) => each.offsetParent !== null);

function move(step) {
  const all = visibleRows();
  const at = all.indexOf(document.activeElement?.closest(".worktree"));
  (all[at < 0 ? (step > 0 ? 0 : -1) : at + step] ?? (step < 0 ? filter : all[at]))?.focus();
}

function enter() {
  const focused = document.activeElement;
  if (focused === filter && filter.value.trim()) return visibleRows()[0]?.querySelector("h3 a")?.click();
  if (focused?.matches(".worktree")) showDetails(treeAt(focused.dataset.path));
}

function escape() {
  if (closeDetails()) return;
  filter.value = "";
  applyFilter();
  filter.focus();
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.matches("select")) return;
  const { key } = event;
  const typing = document.activeElement === filter;
  const inside = document.activeElement?.closest("#details");
  if (key === "Escape") escape();
  else if (inside) return;
  else if (key === "ArrowDown" || key === "ArrowUp") move(key === "ArrowDown" ? 1 : -1);
  else if (key === "Enter" && (typing || document.activeElement?.matches(".worktree"))) enter();
  else if (key === "/" && !typing) filter.focus();
  else if (key.length === 1 && key !== " " && !typing) return filter.focus(); // the letter goes into the filter
  else return;
  event.preventDefault();
}

byId("plain").hidden = true;
for (const name of ["filter", "only", "repository"]) byId(name).addEventListener("input", applyFilter);
byId("trouble").addEventListener("click", ({ currentTarget: opener }) => {
  opener.setAttribute("aria-expanded", String(opener.getAttribute("aria-expanded") !== "true"));
  showProblems();
});
byId("close").addEventListener("click", closeDetails);
document.addEventListener("keydown", key);
document.addEventListener("visibilitychange", () => document.hidden || tick());
tick();
