// Asks several hosts at once, each in a hidden frame that runs the router's page for claims. What a frame says is a word.
const END = 20_000; // milliseconds: a frame that has neither answered nor loaded by then says nothing
const LOADED = 2000; // milliseconds from then on: Firefox hands over what a page says only once that is loaded

function ask(host, query) {
  const frame = Object.assign(document.createElement("iframe"), { hidden: true, src: `${originOf(host)}/.router/claim/?${query}` });
  return new Promise((resolve) => {
    const end = (said) => {
      removeEventListener("message", hear);
      frame.remove();
      resolve({ host, said });
    };
    const hear = ({ source, origin, data }) => {
      if (source === frame.contentWindow && origin === originOf(host)) end(String(data));
    };
    addEventListener("message", hear);
    frame.addEventListener("load", () => setTimeout(end, LOADED, ""));
    setTimeout(end, END, "");
    document.body.append(frame);
  });
}

function askAll(hosts, query) {
  return Promise.all(hosts.map((host) => ask(host, query)));
}
