// Searches the worktree that began this sign-in, where the answer does not name it. In a frame and in a popup another page
// waits for the answer, and that page's origin is the one; in a tab the hosts that were used last are visited.
const LATE = 5000; // milliseconds after which the chooser shows, however slow the search is
const chooser = document.getElementById("choose");

function answered() {
  const { form, query: there } = chooser.dataset;
  const state = chooser.dataset.state ?? new URLSearchParams(form ?? location.search).get("state") ?? "";
  const live = [...chooser.querySelectorAll("button")].map((button) => button.textContent);
  return { path: location.pathname, query: location.search, hash: location.hash, there, form, state, live, asked: [] };
}

// Whoever has this page in a frame, if that is a host of a worktree
function framing(found, live) {
  const known = new Set([...found.map(([host]) => host), ...live]);
  const { protocol, port, hostname } = new URL(location.ancestorOrigins?.[0] ?? "null:");
  const host = hostname.replace(/\.localhost$/, "");
  const own = protocol === location.protocol && port === location.port && hostname.endsWith(".localhost");
  const label = host.split(".").at(-1);
  return own && (known.has(label) || known.has(label.split("--")[0])) ? host : undefined;
}

async function opening(found) {
  const hosts = [...new Set(found.flat())];
  for (let first = 0; first < hosts.length; first += HOPS) {
    const answers = await askAll(hosts.slice(first, first + HOPS), "popup");
    const sure = answers.filter(({ said }) => said === "yes");
    if (sure.length) return sure[0].host;
  }
  return undefined;
}

// True where the search goes on and will leave this page
async function searches() {
  const framed = window.top !== window.self; // there the browser may refuse all storage
  if (chooser.dataset.search === undefined || (!framed && take(SEARCHED))) return false;
  const answer = answered();
  const { first } = chooser.dataset;
  const found = [...(first ? [[first]] : []), ...(await sites(answer))];
  const host = framed ? framing(found, answer.live) : window.opener && (await opening([...found, ...everybody(answer)]));
  if (host) handTo(host, answer);
  return host ? true : !framed && visit(answer, found);
}

// The chooser shows when nothing is searched any more, or nothing comes of it, and its own script knows the order
async function search() {
  const late = new Promise((resolve) => setTimeout(resolve, LATE));
  if (await Promise.race([searches().catch(() => false), late])) await late;
  delete chooser.dataset.search;
  if ("sorted" in chooser.dataset) chooser.hidden = window.top !== window.self;
}

search();
