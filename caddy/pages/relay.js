"use strict";
// A browser never sends the fragment of an address. So this script asks the router where the answer belongs, with the
// state alone. The router's redirect has no fragment, and the browser then keeps this one. Runs before the page is shown.
const answer = location.hash.slice(1);
if (answer) {
  const states = new URLSearchParams(answer).getAll("state");
  const query = states.map((state) => `state=${encodeURIComponent(state)}`).join("&");
  // The app gets its own state, without the tag: no server could remove it from a fragment
  const tagged = new RegExp(`(^|&)(state=)${document.currentScript.dataset.tag}(?=[^&])`);
  const own = answer.replace(tagged, "$1$2");
  location.replace(`/.router/relay${location.pathname}${query && `?${query}`}#${own}`);
}
