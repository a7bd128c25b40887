"use strict";
// A browser never sends the fragment of an address. So this script asks the router where the answer belongs, with the
// state alone. The router's redirect has no fragment, and the browser then keeps this one. It stands in the page itself;
// where a load of Caddy cuts what it asks, it asks again, and so can the user.
const answer = location.hash.slice(1);
const { tag } = document.currentScript.dataset;
const WAITS = [3000, 6000, 12000];
const LATE = 5000; // milliseconds after which the worktrees are listed, however slow the router is

function way() {
  const states = new URLSearchParams(answer).getAll("state");
  const query = states.map((state) => `state=${encodeURIComponent(state)}`).join("&");
  // The app gets its own state, without the tag: no server could remove it from a fragment
  const own = answer.replace(new RegExp(`(^|&)(state=)${tag}(?=[^&])`), "$1$2");
  return `/.router/relay${location.pathname}${query && `?${query}`}#${own}`;
}

function ask() {
  location.replace(way());
  const wait = WAITS.shift();
  if (wait) setTimeout(ask, wait);
}

function show(id) {
  document.getElementById(id).hidden = false;
}

// A sign-out that comes back without a state: on to the worktree that was used last. There is no answer that it could get
async function goOn() {
  const { recent } = await (await fetch("/.router/recent.json", { cache: "no-store", signal: AbortSignal.timeout(LATE) })).json();
  const links = [...document.querySelectorAll("#unanswered .links a")];
  const last = links.find((link) => link.textContent === recent[0]?.[0]);
  if (last) location.replace(last.href);
  else show("unanswered");
}

// Not before: a request that fails ends the reading of the page, too
addEventListener("DOMContentLoaded", () => {
  document.getElementById("again").addEventListener("click", () => location.replace(way()));
  if (answer) {
    ask();
    show("answered");
  } else if (window.top === window.self) goOn().catch(() => show("unanswered"));
  else show("unanswered");
});
