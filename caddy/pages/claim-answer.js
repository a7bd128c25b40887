// The answer of a provider while its worktree is searched: it stays in this tab's storage of http://localhost, and is
// handed to the host that has begun the sign-in. Nobody else gets it; the hosts that are asked get the state alone.
const KEY = "router-answer";
const SEARCHED = "router-searched";
const relay = "/.router/relay";
const HOPS = 8;
const ALL = HOPS + 2; // with those who came only meanwhile

function keep(answer) {
  sessionStorage.setItem(KEY, JSON.stringify(answer));
}

function take(key) {
  const value = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  return value;
}

function post(form, action) {
  const element = document.createElement("form");
  Object.assign(element, { method: "post", action });
  for (const [name, value] of new URLSearchParams(form)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    element.append(input);
  }
  document.body.append(element);
  // Not element.submit(): a field called "submit" would hide that method
  HTMLFormElement.prototype.submit.call(element);
}

// The query of a relayed address holds only a copy of the state; the answer itself is the fragment
function rest({ path, query, hash }) {
  return path.startsWith(`${relay}/`) ? path.slice(relay.length) + hash : path + query + hash;
}

function handTo(host, answer) {
  const address = originOf(host) + rest({ ...answer, query: answer.there ?? answer.query });
  if (answer.form === undefined) location.replace(address);
  else post(answer.form, address);
}

// Back to the chooser, with the answer as it came
function giveUp(answer) {
  sessionStorage.setItem(SEARCHED, "yes");
  const { path, query, hash, form } = answer;
  if (form === undefined) location.replace(path + query + hash);
  else post(form, path + query + hash);
}

// The live worktrees, as they stand
function everybody({ live }) {
  return live.map((name) => [name]);
}

// The sites that were used last, the most recent first; without a watcher, and where it has seen nobody yet, all
async function sites(answer) {
  try {
    const response = await fetch("/.router/recent.json", { cache: "no-store" });
    const { recent } = response.ok ? await response.json() : { recent: [] };
    if (recent.length) return recent;
  } catch {
    // as without a watcher
  }
  return everybody(answer);
}

// A sign-out comes back with no more than a state
function ends({ query, hash, form }) {
  return form === undefined && !hash && !/[?&](?:code|error|response|[a-z]+_token)=/.test(query);
}

// Visit those that were not asked yet; false where there is none. `maybe` are the hosts that may have begun the sign-in
function visit(answer, found, { most = HOPS, maybe = [] } = {}) {
  const known = new Set(answer.asked.map(([host]) => host));
  const next = found.filter(([host]) => !known.has(host) && known.add(host)).slice(0, most - answer.asked.length);
  if (!next.length) return false;
  keep({ ...answer, asked: [...answer.asked, ...next] });
  const [site, ...others] = next.map((hosts) => hosts.join("~"));
  const then = { site, next: others.join(","), maybe: maybe.join(",") };
  const query = new URLSearchParams({ state: answer.state, ...(ends(answer) && { ends: "" }), ...then });
  location.replace(`${originOf(next[0][0])}/.router/claim/?${query}`);
  return true;
}
