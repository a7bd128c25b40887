// The pane with everything that is known of one worktree.
import { ago, byId, copyable, copier, el, endpoint, link, problem, redraw, seconds, size, sourceText } from "./elements.js";
import { shownServices, stateOf, treeState } from "./row.js";

const pane = byId("details");
let shown = null; // the path of the worktree
let back = null; // what had the focus

export const openPath = () => shown;

export function open(tree) {
  if (!shown) back = document.activeElement;
  shown = tree.path;
  pane.hidden = false;
  pane.scrollTop = 0;
}

export function close() {
  if (!shown) return false;
  shown = null;
  pane.hidden = true;
  back?.focus?.();
  return true;
}

const fact = (name, ...value) => [el("dt", {}, name), el("dd", {}, ...value)];

function services(tree, facts) {
  return el("ul", { class: "ports" }, shownServices(tree).map(([name, each]) => el("li", {},
    el("strong", {}, name), " ", stateOf(each), " ", link(each.url), el("br", {}),
    el("code", { class: "port" }, endpoint(each)), " ", el("span", { class: "source", title: "where the port comes from" }, sourceText(each.source, each.program)),
    each.program ? ` ${each.program}` : "", each.pid ? ` (pid ${each.pid})` : "",
    facts.since?.[name] ? `, since ${ago(facts.since[name])}` : "")));
}

// What memory a worktree uses, and what of it "router stop" would give back
function uses(own) {
  const rest = Object.entries(own.shown).filter(([, used]) => used >= 1e6).map(([role, used]) => `${role} ${size(used)}`);
  const parts = [own.reclaimable ? `servers ${size(own.reclaimable)}` : "", ...rest].filter(Boolean);
  return `${size(own.bytes)}${parts.length ? `: ${parts.join(", ")}` : ""}`;
}

function sleep({ asleep, pinned, last_use: last }) {
  if (asleep) return `asleep for ${ago(seconds(asleep.since))}: ${asleep.why}; it had ${size(asleep.memory)}`;
  return [pinned ? "pinned: it is not put to sleep" : "", last ? `last use ${ago(seconds(last.since))} ago: ${last.text}` : ""].filter(Boolean).join("; ");
}

function facts(tree, found, memory) {
  const port = new URL(tree.url).port;
  const ends = Object.fromEntries((tree.former ?? []).map((each) => [each.name, each.until]));
  const aliases = tree.aliases.flatMap((alias, i) => [
    i ? ", " : "",
    link(`http://${alias}.localhost${port && `:${port}`}`),
    ends[alias] ? ` (until ${new Date(ends[alias]).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })})` : "",
  ]);
  return el("dl", { class: "about" },
    fact("Address", link(tree.url), " ", copier(tree.url)),
    aliases.length ? fact("Also", aliases) : null,
    fact("Directory", copyable(tree.path)),
    tree.branch != null ? fact("Branch", copyable(tree.branch)) : fact("Branch", "none: detached"),
    found.commit ? fact("Last commit", `${found.commit.subject}, ${ago(found.commit.time)} ago${found.dirty ? "; there are changes that are not committed" : ""}`) : null,
    fact("Services", services(tree, found)),
    memory?.bytes ? fact("Memory", uses(memory)) : null,
    tree.resources?.length ? fact("Resources", tree.resources.map(({ name, state, target }) => `${name} ${state}${target ? ` (${target})` : ""}`).join(", ")) : null,
    found.processes?.length ? fact("Processes", found.processes.map(({ pid, program, role }) => el("div", {}, `${program ?? "a process"} ${pid}${role ? `, ${role}` : ""}`))) : null,
    found.variables ? fact("Variables", el("code", {}, found.variables)) : null,
    tree.sleep ? fact("Sleep", sleep(tree.sleep)) : null,
    fact("Sign-in state", copyable(tree.oauth_state)),
    fact("Which rule leads here", found.rule?.map((line) => el("div", {}, line)), copyable(`router explain ${tree.url}`)));
}

export function show(tree, found, memory, actions) {
  if (!tree) return close();
  redraw(byId("who"), [
    el("h2", { tabindex: -1 }, tree.name, " ", el("span", { class: "muted" }, treeState(tree))),
    el("p", { class: "muted" }, tree.repository, tree.main && ", main checkout"),
  ]);
  redraw(byId("about"), [
    tree.problems.length ? el("ul", { class: "problems", "aria-label": `Problems of ${tree.name}` }, tree.problems.map((each) => problem(each))) : null,
    facts(tree, found, memory),
  ].filter(Boolean));
  redraw(byId("doing"), actions);
}
