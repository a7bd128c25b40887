"use strict";
// An answer in the fragment never reaches the router. Ask it for the way with the state alone; its redirect has no
// fragment, so the browser carries this one on. Runs before the page is shown.
const answer = location.hash.slice(1);
if (answer) {
  const states = new URLSearchParams(answer).getAll("state");
  const query = states.map((state) => `state=${encodeURIComponent(state)}`).join("&");
  // The app gets the state that it made: no host can strip a tag from a fragment
  const own = answer.replace(/(^|&)(state=)WT1\.[a-z0-9-]+\.(?=[^&])/, "$1$2");
  location.replace(`/.router/relay${location.pathname}${query && `?${query}`}#${own}`);
}
