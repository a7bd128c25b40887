// What changes something, and logs: asked of the watcher, which answers its own user's page alone.
import { button, byId, el, refill } from "./elements.js";
import { rank, isUp, shownServices, treeState, wakes } from "./row.js";

const DEAD = "The watcher is not running. Run “router up” in a repository, then try again.";
const DOING = { start: "Starting", stop: "Stopping", sleep: "Putting to sleep", restart: "Restarting", pin: "Pinning", unpin: "Letting go of" };
const busy = new Map(); // name of a worktree → what is being done with it
let token = null;
let editor = null; // what the links of the user's editor begin with
let logged = null; // the worktree and service whose log is shown
let lines = null;

async function identify() {
  const response = await fetch("/.router/token", { cache: "no-store" }).catch(() => ({}));
  if (response.status === 403) throw new Error((await response.text()).trim());
  if (response.status !== 200) throw new Error(DEAD);
  ({ token, editor } = await response.json());
}

// Learns the token; without a watcher, or for another user, the buttons say so when they are pressed
export const prepare = () => (token ? null : identify().catch(() => {}));

async function ask(path, method = "GET") {
  const before = token;
  if (!token) await identify();
  const response = await fetch(path, { method, headers: { "Router-Token": token }, cache: "no-store" }).catch(() => ({}));
  if (response.status === 403 && before) { // another watcher has another token
    token = null;
    return ask(path, method);
  }
  if (response.status === 200) return response.json();
  throw new Error([403, 404, 409].includes(response.status) ? (await response.text()).trim() : DEAD);
}

function tell(failed, said) {
  byId("said").hidden = false;
  byId("said").className = failed ? "note error" : "note";
  refill(byId("said"), [el("pre", {}, said), button("Close", { class: "small" }, () => (byId("said").hidden = true))]);
}

async function act(action, tree, changed) {
  if (busy.has(tree.name)) return;
  busy.set(tree.name, action);
  tell(false, `${DOING[action]} ${tree.name}…`);
  changed();
  try {
    const { code, said } = await ask(`/.router/act/${action}/${tree.name}`, "POST");
    tell(code !== 0, said.join("\n") || `${DOING[action]} ${tree.name}: done`);
  } catch (error) {
    tell(true, error.message);
  }
  busy.delete(tree.name);
  changed();
}

function presser(text, action, tree, changed, kind = "") {
  const now = busy.get(tree.name);
  return button(now === action ? `${text}…` : text, { class: `small ${kind}`.trim(), "aria-label": `${text} ${tree.name}`, "aria-disabled": now ? "true" : null }, () => act(action, tree, changed));
}

// Stop what runs, or put to sleep what a visit wakes; else start it, or wake it
export function mainAction(tree, changed, kind = "") {
  if (isUp(tree)) return wakes(tree) ? presser("Sleep", "sleep", tree, changed) : presser("Stop", "stop", tree, changed);
  return presser(treeState(tree) === "asleep" ? "Wake" : "Start", "start", tree, changed, kind);
}

export function moreActions(tree, changed) {
  const pinned = tree.sleep?.pinned;
  const partly = rank(tree) === 1; // some of it runs
  return [
    mainAction(tree, changed, "main"),
    partly ? presser("Start", "start", tree, changed, "main") : null,
    isUp(tree) && wakes(tree) ? presser("Stop", "stop", tree, changed) : null,
    isUp(tree) ? presser("Restart", "restart", tree, changed) : null,
    pinned ? presser("Unpin", "unpin", tree, changed) : presser("Pin", "pin", tree, changed),
    editor ? el("a", { class: "button small", href: encodeURI(editor + tree.path).replace(/[?#]/g, encodeURIComponent) }, "Open in editor") : null,
  ].filter(Boolean);
}

// The names of a worktree's variables, and what "router explain" says of its address; or what keeps them from being known
export async function readMore(tree) {
  const told = (path) => ask(`/.router/${path}/${tree.name}`).catch((error) => ({ problem: error.message }));
  const [env, explain] = await Promise.all([told("env"), told("explain")]);
  return { variables: env.problem ?? env.variables.join(" "), rule: explain.problem ? [explain.problem] : explain.lines };
}

export function showLog(tree, service = null) {
  const first = shownServices(tree)[0]?.[0] ?? "web";
  logged = { name: tree.name, service: service ?? (tree.services.web ? "web" : first) };
  lines = null;
  byId("log").hidden = false;
  refill(byId("log").firstElementChild, [el("h3", {}, `Log of ${logged.service}`), ...shownServices(tree).filter(([name]) => name !== logged.service)
    .map(([name]) => button(name, { class: "small", "aria-label": `Log of ${name}` }, () => showLog(tree, name)))]);
  return followLog();
}

export function hideLog() {
  logged = null;
  byId("log").hidden = true;
}

// The last lines; they scroll on as long as nobody has scrolled back
export async function followLog() {
  const asked = logged;
  if (!asked) return;
  const place = byId("log").querySelector("pre");
  const text = await ask(`/.router/log/${asked.name}/${asked.service}`)
    .then((found) => found.lines?.join("\n") ?? "It has no log here: the router did not start it.", (error) => error.message);
  if (asked !== logged || text === lines) return;
  const atEnd = lines === null || place.scrollHeight - place.scrollTop - place.clientHeight < 30;
  place.textContent = lines = text;
  if (atEnd) place.scrollTop = place.scrollHeight;
}
