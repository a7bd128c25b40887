// A list of worktrees to choose from: those that were visited last first, each with its state and repository, where this
// origin may know that, which is http://localhost alone. A long list has a filter.
import { arrange, el } from "./elements.js";
import { rank, treeState } from "./row.js";

const LONG = 8;
const LATE = 5000; // milliseconds after which the list is shown as it stands, however slow the router is
const nameOf = (item) => item.firstElementChild.textContent;

async function read(name) {
  const response = await fetch(`/.router/${name}.json`, { cache: "no-store", signal: AbortSignal.timeout(LATE) }).catch(() => ({}));
  return response.ok ? response.json() : {};
}

function filtered(list) {
  if (list.children.length <= LONG) return;
  const filter = el("input", { type: "search", class: "narrow", "aria-label": "Filter worktrees", placeholder: "Filter…", autocomplete: "off", spellcheck: "false" });
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of list.children) item.hidden = !words.every((word) => (item.dataset.words ?? nameOf(item)).includes(word));
  });
  list.before(filter);
}

function tell(item, tree) {
  const said = el("span", { class: "muted", id: `state-${tree.name}` }, `${treeState(tree)} · ${tree.repository}`);
  item.dataset.words = [tree.name, ...tree.aliases, tree.branch, tree.repository, treeState(tree)].join(" ").toLowerCase();
  item.classList.add("told");
  item.firstElementChild.setAttribute("aria-describedby", said.id);
  item.append(said);
}

// The text of what is chosen stays the worktree's name alone
export async function sort(list) {
  filtered(list);
  if (location.hostname !== "localhost") return;
  const [{ worktrees = [] }, { recent = [] }] = await Promise.all([read("status"), read("recent")]);
  const trees = new Map(worktrees.flatMap((tree) => [tree.name, ...tree.aliases].map((name) => [name, tree])));
  const visits = recent.map(([host]) => host).reverse();
  const place = (item) => [-visits.indexOf(nameOf(item)), trees.has(nameOf(item)) ? rank(trees.get(nameOf(item))) : Infinity];
  const places = new Map([...list.children].map((item) => [item, place(item)]));
  for (const item of places.keys()) if (trees.has(nameOf(item))) tell(item, trees.get(nameOf(item)));
  const before = ([visit, state], [other, otherState]) => visit - other || (state === otherState ? 0 : state - otherState);
  arrange(list, [...places.keys()].sort((a, b) => before(places.get(a), places.get(b))));
}
