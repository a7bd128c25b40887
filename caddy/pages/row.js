// One line of the dashboard: a worktree, or what one that is gone has left.
import { ago, el, endpoint, link, seconds, size, sourceText } from "./elements.js";

const RANKS = ["up", "partly up", "starting", "not answering", "asleep", "failed", "down"]; // as they stand on the page
const ORDER = ["not answering", "starting", "failed", "asleep", "down"];

export const shownServices = (tree) => Object.entries(tree.services).filter(([, each]) => each.seen !== false);
export const stateOf = (each) => (each.state ?? (each.up ? "up" : "down")).replaceAll("-", " ");

// What a worktree does, in one word: "partly up" where one service runs and another, that was found, does not
export function treeState(tree) {
  const states = shownServices(tree).map(([, each]) => stateOf(each));
  if (states.length && states.every((state) => state === "up")) return "up";
  const worst = ORDER.find((state) => states.includes(state)) ?? "down";
  return states.includes("up") && !["not answering", "starting"].includes(worst) ? "partly up" : worst;
}

export const rank = (tree) => RANKS.indexOf(treeState(tree));
export const isUp = (tree) => rank(tree) < RANKS.indexOf("asleep");

// Whether a visit starts again all that runs
export function wakes(tree) {
  const up = shownServices(tree).filter(([, each]) => each.up);
  return up.length > 0 && up.every(([, each]) => each.wakes);
}

// Since when it is so, in seconds since the epoch: of the service that says so first
function since(tree, facts) {
  if (treeState(tree) === "asleep" && tree.sleep?.asleep) return seconds(tree.sleep.asleep.since);
  const told = shownServices(tree).map(([name, each]) => (each.since ? seconds(each.since) : facts.since?.[name]));
  return told.find(Boolean) ?? null;
}

function chip([name, service]) {
  const state = stateOf(service);
  const about = `${name}: ${state}, ${endpoint(service)} (${sourceText(service.source, service.program)})${service.program ? `, ${service.program}` : ""}`;
  return el("li", { class: `chip ${state.replaceAll(" ", "-")}`, title: about },
    link(service.url, name, { tabindex: -1, "aria-label": `${name}, ${state}` }), " ", el("span", { class: "port" }, String(service.port)));
}

const cell = (name, title, ...children) => el("span", { class: `cell ${name}`, title }, ...children);

function lastCommit({ commit, dirty }) {
  return [
    dirty ? el("span", { class: "dirty", title: "has changes that are not committed", role: "img", "aria-label": "changes not committed" }, "±") : null, " ",
    commit && el("span", { class: "age" }, ago(commit.time)), " ", commit?.subject,
  ];
}

function resources(tree) {
  const found = tree.resources ?? [];
  const state = ["failed", "making"].find((each) => found.some((one) => one.state === each));
  if (!found.length) return null;
  const names = found.map(({ name, state }) => `${name}: ${state}`).join(", ");
  return el("span", { class: state === "failed" ? "wrong" : "muted", title: names },
    state === "failed" ? "trouble" : state === "making" ? "making" : found.map(({ name }) => name).join(", "));
}

function used(tree) {
  if (tree.sleep?.pinned) return el("span", { title: "it is not put to sleep" }, "pinned");
  return tree.sleep?.last_use ? ago(seconds(tree.sleep.last_use.since)) : null;
}

const kinds = (problems) => problems.map(({ kind }) => kind).join(", ");

export function cells(tree, facts, memory, actions) {
  const state = treeState(tree);
  const from = since(tree, facts);
  const errors = tree.problems.some(({ severity }) => severity === "error");
  const framework = tree.services.web?.framework;
  const seats = facts.seats ?? [];
  const branch = tree.branch !== tree.name ? tree.branch : null;
  return [
    cell("state", from && new Date(from * 1000).toLocaleString(), el("span", { class: `dot ${state.replaceAll(" ", "-")}` }), state, from ? el("span", { class: "since" }, ago(from)) : null),
    el("span", { class: "cell name" }, el("h3", {}, link(tree.url, tree.name)),
      tree.main && el("span", { class: "tag" }, "main"), tree.detached && el("span", { class: "tag" }, "detached"),
      tree.problems.length ? el("span", { class: `tag problem ${errors ? "error" : ""}`, title: kinds(tree.problems) }, `! ${tree.problems.length}`) : null,
      framework && el("span", { class: "framework" }, framework)),
    el("ul", { class: "cell services", "aria-label": `Services of ${tree.name}` }, shownServices(tree).map(chip)),
    cell("branch", branch, branch),
    cell("commit", facts.commit?.subject, lastCommit(facts)),
    cell("seats", null, seats.join(", ")),
    cell("memory", tree.sleep?.asleep?.why, memory?.bytes ? size(memory.bytes) : tree.sleep?.asleep ? `was ${size(tree.sleep.asleep.memory)}` : null),
    cell("resources", null, resources(tree)),
    cell("used", tree.sleep?.last_use?.text, used(tree)),
    el("span", { class: "cell actions" }, actions),
  ];
}

// What the filter searches: names, not the words of problems
export function words(tree, facts) {
  const services = shownServices(tree).flatMap(([name, each]) => [name, each.port, each.program, each.framework]);
  return [tree.name, tree.repository, tree.branch, ...tree.aliases, ...services, ...(facts.seats ?? []), treeState(tree), tree.problems.length ? "problem" : ""]
    .filter((word) => word != null).join(" ").toLowerCase();
}

export function orphan({ pid, program, role, ports, memory, age_s: age, project, worktree, repository, path }) {
  const what = project ? `${program}, project ${project}${role ? `, ${role}` : ""}` : `${program ?? "a process"}, pid ${pid}`;
  return el("li", { class: "left", title: path },
    el("span", {}, worktree), el("span", { class: "muted" }, repository), el("span", { class: "muted" }, project ? "container" : role ?? "server"),
    el("span", {}, what), el("code", {}, ports.join(", ")), el("span", {}, size(memory)), el("span", { class: "muted" }, ago(Date.now() / 1000 - age)));
}
