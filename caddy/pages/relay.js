"use strict";
// An answer in the fragment never reaches the router. Ask it for the way with the state alone; its redirect has no
// fragment, so the browser carries this one on. Runs before the page is shown.
const answer = location.hash.slice(1);
if (answer) {
  const states = new URLSearchParams(answer).getAll("state");
  const query = states.map((state) => `state=${encodeURIComponent(state)}`).join("&");
  // The app gets the state that it made, without the tag: no server can take it off a fragment
  const tagged = new RegExp(`(^|&)(state=)${document.currentScript.dataset.tag}(?=[^&])`);
  const own = answer.replace(tagged, "$1$2");
  location.replace(`/.router/relay${location.pathname}${query && `?${query}`}#${own}`);
}
