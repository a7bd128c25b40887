// Has this origin begun the sign-in with that state? Its storage and its cookies tell. In the tab of the sign-in the page
// goes on to the next host, or back to http://localhost with what it knows. It never gets the answer itself.
const SURE = 16; // characters: a shorter state may be a word that every worktree uses
const LEAST = 8;
const NEAR = 16; // names in front of a label: more are not asked
const query = new URLSearchParams(location.search);
const state = query.get("state") ?? "";
const asked = { state, ...(query.has("ends") && { ends: "" }) };
const here = location.hostname.replace(/\.localhost$/, "");
const router = originOf("");

function decoded(text, decode) {
  try {
    return decode(text);
  } catch {
    return "";
  }
}

// MSAL.js: a state is JSON with an id in base64; before `|` and `;` stands what the library made itself
function parts(state) {
  const own = state.split(/[|;]/)[0];
  const id = decoded(own, (text) => JSON.parse(atob(text)).id);
  return [state, own, typeof id === "string" ? id : ""];
}

function written(text) {
  const base64 = decoded(text, btoa);
  return [text, encodeURIComponent(text), base64, base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")];
}

// MSAL.js also keeps what it asked for as JSON in base64
function kept() {
  const stores = ["sessionStorage", "localStorage"].map((name) => decoded(name, () => ({ ...window[name] })));
  const values = stores.flatMap((store) => Object.values(store));
  const plain = values.map((text) => decoded(text.replaceAll("-", "+").replaceAll("_", "/"), atob));
  return [...stores.flatMap((store) => Object.keys(store)), ...values, ...plain, document.cookie];
}

function has(texts, part) {
  return part.length >= LEAST && written(part).some((form) => form && texts.some((text) => text.includes(form)));
}

function cookies(kind) {
  return document.cookie.split("; ").filter((cookie) => cookie.startsWith(kind));
}

// Names in front of this label whose pages were opened, as the router's own cookies have them
function visited() {
  const found = cookies("wt-host-").map((cookie) => /^wt-host-([a-z0-9.-]+)\.localhost=/.exec(cookie)?.[1]);
  return found.filter((host) => host?.endsWith(`.${here}`)).slice(-NEAR);
}

// The router's own cookie of a sign-in whose address the app told its script: the host and the state
function marked() {
  const split = cookies("wt-login-").map((cookie) => /^[^=]*=([a-z0-9.-]+)\.localhost\/(.+)$/.exec(cookie)).filter(Boolean);
  const same = ([, , value]) => value === state || decoded(value, decodeURIComponent) === state;
  const found = state ? split.find(same)?.[1] : undefined;
  return found === here || found?.endsWith(`.${here}`) ? found : undefined;
}

function said() {
  const { cookies } = document.documentElement.dataset;
  if (cookies === "yes" || !state) return cookies;
  const texts = kept();
  // MSAL.js keeps no state of a sign-out, only that this tab has begun one
  if (query.has("ends") && texts.some((text) => text.includes('"type":"signout"'))) return "yes";
  const found = parts(state).filter((part) => has(texts, part));
  if (found.some((part) => part.length >= SURE)) return "yes";
  return found.length ? "maybe" : cookies;
}

// A site is a host and, after each `~`, another one of the same site: a frame of this page sees its storage
async function found(others) {
  const host = marked();
  if (host) return [{ host, said: "yes" }];
  const own = { host: here, said: said() };
  if (own.said === "yes") return [own];
  const near = others.filter((other) => other.endsWith(`.${here}`));
  return [own, ...(await askAll([...new Set([...near, ...visited()])], new URLSearchParams({ ...asked, frame: "" })))];
}

async function goOn() {
  const [, ...others] = (query.get("site") ?? "").split("~");
  const answers = await found(others);
  const sure = answers.find(({ said }) => said === "yes");
  if (sure) return location.replace(`${router}/.router/claimed#by=${sure.host}`);
  const maybe = [query.get("maybe"), ...answers.filter(({ said }) => said === "maybe").map(({ host }) => host)];
  const maybes = maybe.filter(Boolean).join(",");
  const [next, ...rest] = (query.get("next") ?? "").split(",");
  if (!/^[a-z0-9-]+(?:~[a-z0-9.-]+)*$/.test(next)) return location.replace(`${router}/.router/claimed#maybe=${maybes}`);
  const then = new URLSearchParams({ ...asked, site: next, next: rest.join(","), maybe: maybes });
  return location.replace(`${originOf(next.split("~")[0])}/.router/claim/?${then}`);
}

// In a popup: the page that opened it waits for the answer, and only a page of the same origin sees its address
function opened() {
  return decoded(top.opener, (opener) => opener.location.origin) === location.origin ? "yes" : "";
}

if (window.top === window.self) goOn();
else if (query.has("popup")) parent.postMessage(opened(), "*");
else if (query.has("frame")) parent.postMessage((window.top.opener && opened()) || said(), "*");
