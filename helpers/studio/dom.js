// What all parts of the studio use. Text is always set as text: nothing here parses HTML.

/** An element with attributes, listeners (onclick: …) and children; attributes that are false or null are left out. */
function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value == null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter(child => child != null && child !== false));
  return node;
}

/** Put `nodes` in place of what is in `host`; the focus stays on the element with the same data-key. */
function fill(host, ...nodes) {
  const key = host.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const open = new Set([...host.querySelectorAll("details[open][data-key]")].map(node => node.dataset.key));
  host.replaceChildren(...nodes.filter(node => node != null && node !== false));
  for (const node of host.querySelectorAll("details[data-key]")) node.open = open.has(node.dataset.key);
  if (key != null) host.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

/** The root of a part. JupyterLab must not take Enter and arrow keys, meant for our buttons, for its own shortcuts. */
function root(el, name, label) {
  const node = h("section", { class: `ws ws-${name}`, "aria-label": label, "data-lm-suppress-shortcuts": "true" });
  el.append(node);
  return node;
}

let ids = 0;
const unique = name => `ws-${name}-${++ids}-${Math.random().toString(36).slice(2, 8)}`;
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
