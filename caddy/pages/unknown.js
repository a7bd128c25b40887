// Shows the live labels that are closest to the unknown one first. It never redirects: that takes a click.
import { sort } from "./choices.js";

const name = document.body.dataset.name;
const links = [...document.querySelectorAll("#live a")];

// Levenshtein's distance, one row at a time
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] !== b[j - 1]));
    row = next;
  }
  return row[b.length];
}

// A label that contains the name, or is part of it, counts as close as a typing error
function far(label) {
  const part = Math.min(label.length, name.length) > 2 && (label.includes(name) || name.includes(label));
  return part ? Math.min(2, distance(name, label)) : distance(name, label);
}

if (location.hash) for (const link of [...links, ...document.querySelectorAll("#moved a")]) link.hash = location.hash;
const close = links
  .map((link) => ({ link, far: far(link.textContent) }))
  .filter(({ far }) => name && far <= Math.max(2, name.length * 0.4))
  .sort((a, b) => a.far - b.far)
  .slice(0, 3);
for (const { link } of close) {
  const item = document.createElement("li");
  item.append(link.cloneNode(true));
  document.querySelector("#close ul").append(item);
}
document.getElementById("close").hidden = close.length === 0;
const live = document.getElementById("live");
if (live) sort(live);
