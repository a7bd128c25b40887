// What the dashboard's scripts share: elements, links, buttons that copy, and words for times and amounts.
export const byId = (id) => document.getElementById(id);

// Every text becomes a text node: a branch may be called <img src=x onerror=…>
export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null && value !== false) element.setAttribute(name, value);
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== "" && child !== false));
  return element;
}

export function link(url, text = url.replace(/^https?:\/\//, "").replace(/\/$/, ""), more = {}) {
  return /^https?:\/\//.test(url) ? el("a", { href: url, ...more }, text) : el("span", {}, text);
}

export function button(text, attributes, press) {
  const made = el("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", press);
  return made;
}

// A button that copies a text; where there is no clipboard it selects `shown`, ready to be copied with the keyboard
export function copier(text, shown = null, label = "Copy") {
  const made = button(label, { class: "small", "aria-label": `Copy ${text}` }, async () => {
    try {
      await navigator.clipboard.writeText(text);
      made.textContent = "Copied";
    } catch {
      if (shown) getSelection().selectAllChildren(shown);
      made.textContent = shown ? "Selected" : "No clipboard";
    }
    setTimeout(() => (made.textContent = label), 2000);
  });
  return made;
}

export function copyable(text) {
  const code = el("code", {}, text);
  return [code, " ", copier(text, code)];
}

// A hint names commands between backticks: each is there to be copied
export function hinted(hint) {
  return hint.split("`").map((part, i) => (i % 2 ? copyable(part) : part));
}

export function problem({ kind, service, message, hint, severity }, of = null) {
  return el("li", { class: severity === "error" ? "error" : "warning" },
    of, el("span", { class: "tag" }, kind), " ", service ? `${service}: ` : "", message,
    hint ? el("span", { class: "hint" }, hinted(hint)) : null);
}

export const moment = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
export const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
export const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`);
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
export function duration(seconds) {
  const [length, unit] = UNITS.find(([length]) => seconds >= length) ?? [1, "s"];
  return `${Math.max(0, Math.floor(seconds / length))} ${unit}`;
}
export const ago = (epoch) => duration(Date.now() / 1000 - epoch);
export const seconds = (text) => Date.parse(text) / 1000;
export const endpoint = ({ address, port }) => `${address?.includes(":") ? `[${address}]` : address}:${port}`;

// The same words as source_text in router/status.py; a test runs both over tests/port_sources.json
const SOURCES = { hash: "default", index: "by number", free: "next free", settings: "router.toml" };
export function sourceText(source, program) {
  const [, kind, name] = /^([^:]*):?(.*)$/s.exec(source ?? "");
  if (kind === "listener") return program ? `${program} (found)` : "found";
  if (kind === "container") return `container ${name}`;
  return name || (SOURCES[kind] ?? kind);
}

// A screen reader reads a live region aloud whenever it is written to: only write what is new
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Fills an element again where that changes it; what had the focus has it afterwards
export function redraw(parent, children) {
  const shown = children.map((child) => child.outerHTML).join("");
  if (parent.dataset.shown === shown) return;
  refill(parent, children);
  parent.dataset.shown = shown;
}

export function refill(parent, children) {
  const focused = parent.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  parent.replaceChildren(...children);
  if (focused) [...parent.querySelectorAll("a, button")].find((each) => nameOf(each) === focused)?.focus({ preventScroll: true });
}
const nameOf = (element) => `${element.tagName} ${element.getAttribute("href") ?? element.getAttribute("aria-label") ?? element.textContent}`;

// Makes `wanted` the children of `parent`, moving only what differs, so that focus and selection stay
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, i) => parent.children[i] === child || parent.insertBefore(child, parent.children[i] ?? null));
}
