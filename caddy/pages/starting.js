"use strict";
// Asks every second whether the server answers, and then reloads this address. Only a GET is repeated automatically.
// Where a visit starts the server (data-waking), the watcher is asked how far that is, and more often.
const GET = document.body.dataset.method === "GET";
const WAKING = document.body.dataset.waking;
const SOON = 250, USUAL = 1000, LONG = 15_000; // ms
const state = document.getElementById("state");
const RELOADS = "worktree-router.reloads";

// If the server answers HEAD but fails on this very page, the reload leads back here: wait twice as long each time.
function reloads() {
  try {
    const [count, time] = (sessionStorage.getItem(RELOADS) ?? "0 0").split(" ").map(Number);
    return Date.now() - time < 60_000 + 1000 * 2 ** count ? count : 0;
  } catch {
    return 0;
  }
}

function reload() {
  try {
    sessionStorage.setItem(RELOADS, `${reloads() + 1} ${Date.now()}`);
  } catch { /* no storage allowed: then the wait does not grow */ }
  location.reload();
}

// Any answer but Caddy's own 502 to 504. A 404 counts too: the worktree is gone, and the reloaded page will say so
async function answers() {
  try {
    const response = await fetch("/.router/ping", { cache: "no-store", signal: AbortSignal.timeout(10_000) });
    return response.status < 502 || response.status > 504;
  } catch {
    return false;
  }
}

// What the watcher says of the start; nothing where it is dead. By POST it begins one, a failed one too with `again`
async function ask(method = "GET", again = "") {
  try {
    const response = await fetch(`/.router/start${again}`, { method, cache: "no-store", signal: AbortSignal.timeout(10_000) });
    return response.status === 200 ? await response.json() : {};
  } catch {
    return {};
  }
}

function showStart({ state: found, seconds, line, problem }) {
  const failed = found === "failed";
  document.getElementById("failure").hidden = !failed;
  document.getElementById("problem").textContent = problem ?? "";
  document.getElementById("line").hidden = !line;
  document.querySelector("#line code").textContent = line ?? "";
  const title = document.getElementById("title");
  const text = title.textContent.replace(/ is starting$| did not start$/, failed ? " did not start" : " is starting");
  if (title.textContent !== text) document.title = title.textContent = text;
  state.hidden = failed;
  if (found === "starting") began = Date.now() - seconds * 1000;
}

// A tab that nobody looks at starts nothing
function startWhenSeen() {
  if (document.visibilityState === "visible") return ask("POST");
  document.addEventListener("visibilitychange", startWhenSeen, { once: true });
}

document.getElementById("again").addEventListener("click", () => ask("POST", "?again").then(() => ask()).then(showStart));
if (WAKING === "asleep") startWhenSeen();

async function wait() {
  const start = WAKING ? await ask() : {};
  if (start.state) showStart(start);
  const starts = start.state === "starting";
  if (starts || (start.state !== "up" && !(await answers()))) {
    return setTimeout(wait, starts && Date.now() - began < LONG ? SOON : USUAL);
  }
  if (GET) return reload();
  state.className = "note";
  state.textContent = "The server answers now. Reload this page to send the form again.";
}

// What is there is no news; what is being made, or could not be, is
function showResources(resources) {
  const list = document.getElementById("resources");
  const news = resources.filter(({ state }) => state !== "ready");
  list.replaceChildren(...news.map(({ name, state, since, problem }) => {
    const item = document.createElement("li");
    const seconds = Math.max(0, Date.now() / 1000 - since).toFixed(1);
    item.textContent = state === "making" ? `Making its ${name}, ${seconds} s` : problem;
    return item;
  }));
  list.hidden = !news.length;
}

// The command is put together by the watcher, from fixed names of files in the worktree; here it is text to copy
async function showFacts() {
  const response = await fetch("/.router/service.json", { cache: "no-store" });
  if (response.status !== 200) return;
  const facts = await response.json();
  for (const name of ["directory", "program"]) {
    if (!facts[name]) continue;
    document.getElementById(name).textContent = facts[name];
    for (const element of document.querySelectorAll(`.${name}`)) element.hidden = false;
  }
  showResources(facts.resources ?? []);
  document.getElementById("command").textContent = facts.command ?? "";
  const starts = WAKING && document.getElementById("failure").hidden; // by itself
  document.getElementById("start").hidden = starts || !facts.command;
}

// A screen reader is not told each second
let began = Date.now();

function showWait() {
  const seconds = Math.round((Date.now() - began) / 1000);
  waited.textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

state.hidden = false;
state.className = "waiting muted";
state.textContent = "Waiting for an answer ";
const waited = document.createElement("span");
waited.setAttribute("aria-hidden", "true");
state.append(waited);
setInterval(showWait, 1000);
setTimeout(wait, Math.min(1000 * 2 ** reloads() - (WAKING ? 1000 - SOON : 500), 30_000));
const facts = () => showFacts().catch(() => {});
facts();
setInterval(facts, 2000);
