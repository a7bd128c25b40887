// Sends the answer to the worktree that the user clicks, with path, query, form and fragment unchanged, and never inside a
// frame, where another page could cover the buttons. Where the worktree is searched, the search shows them at its end.
import { sort } from "./choices.js";

const choose = document.getElementById("choose");
const relay = "/.router/relay";

function address(origin) {
  // The query of a relayed address holds only a copy of the state; the answer itself is the fragment
  if (location.pathname.startsWith(`${relay}/`)) return origin + location.pathname.slice(relay.length) + location.hash;
  return origin + location.pathname + (choose.dataset.query ?? location.search) + location.hash;
}

function post(form, action) {
  const element = document.createElement("form");
  element.method = "post";
  element.action = action;
  for (const [name, value] of new URLSearchParams(form)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    element.append(input);
  }
  document.body.append(element);
  // Not element.submit(): a field called "submit" would hide that method
  HTMLFormElement.prototype.submit.call(element);
}

function send(event) {
  const { origin } = event.currentTarget.dataset;
  if (choose.dataset.form === undefined) location.assign(address(origin));
  else post(choose.dataset.form, address(origin));
}

function explain(answer) {
  const [error, description] = [answer.get("error"), answer.get("error_description")];
  if (!error && !description) return;
  const note = document.getElementById("error");
  note.querySelector("strong").textContent = error ?? "";
  note.querySelector("span").textContent = description ?? "";
  note.hidden = false;
}

const framed = window.top !== window.self;
document.getElementById("framed").hidden = !framed;
if (framed) choose.replaceChildren();
for (const button of choose.querySelectorAll("button")) button.addEventListener("click", send);
explain(new URLSearchParams(location.hash.slice(1)));

// Not before its order is known: nothing moves under the pointer
const list = choose.querySelector("ul");
const known = () => {
  choose.dataset.sorted = "";
  choose.hidden = framed || "search" in choose.dataset;
};
(list ? sort(list) : Promise.resolve()).then(known, known);
