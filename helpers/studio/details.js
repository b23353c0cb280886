// Everything about one request.

function saved(source) {
  const raw = atob(source.slice(source.indexOf(",") + 1)), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
}

function render({ model, el }) {
  const host = root(el, "details", "One request");
  host.tabIndex = -1;
  let urls = [], shown = "";

  function close() {
    const tile = document.querySelector(`[data-tile="${CSS.escape(model.get("about").id ?? "")}"]`);
    model.send({ do: "close" });
    tile?.focus();
  }

  function picture(item, index, about) {
    const url = saved(item.source);
    urls.push(url);
    const inspected = model.get("inspecting") === index;
    return h("figure", null,
      h("img", { src: item.source, width: item.width, height: item.height, alt: `${about.prompt}, picture ${index + 1} of ${about.pictures.length}` }),
      h("figcaption", null, h("span", null, `${item.width} × ${item.height} pixels, ${item.bytes.toLocaleString("en")} bytes`),
        h("a", { href: url, download: item.file, "data-key": `download-${index}` }, "Download PNG"),
        h("button", { type: "button", "data-key": `inspect-${index}`, "aria-pressed": String(inspected),
          onclick: () => model.send({ do: "inspect", number: index }) }, "Inspect pixels")));
  }

  function table(caption, rows) {
    return rows.length ? h("table", null, h("caption", null, caption),
      h("tbody", null, ...rows.map(([name, value]) => h("tr", null, h("th", { scope: "row" }, name), h("td", null, value))))) : null;
  }

  function document_(item) {
    return h("details", { "data-key": item.name }, h("summary", { "data-key": `summary-${item.name}` },
      h("strong", null, item.name), " ", h("code", null, item.key), item.note ? h("span", { class: "ws-hint" }, ` ${item.note}`) : null),
      h("pre", { tabindex: "0", "aria-label": item.name }, item.text));
  }

  function show() {
    const about = model.get("about"), problem = model.get("problem");
    urls.forEach(url => URL.revokeObjectURL(url));
    urls = [];
    host.hidden = !about.id && !problem;
    const alert = problem ? h("p", { class: "ws-alert", role: "alert" }, problem) : null;
    if (!about.id) { fill(host, alert); shown = ""; return; }
    fill(host,
      h("header", null, h("h2", null, about.prompt || about.id),
        h("span", { class: "ws-hint" }, `${about.state} · ${about.id}`),
        h("button", { type: "button", "data-key": "close", onclick: close }, "Close")),
      alert,
      about.reason ? h("p", { class: "ws-alert" }, h("strong", null, "Failed: "), about.reason) : null,
      about.warnings.length ? h("ul", { class: "ws-warnings", "aria-label": "What the model ignored" },
        ...about.warnings.map(text => h("li", null, text))) : null,
      about.pictures.length ? h("div", { class: "ws-figures" }, ...about.pictures.map((item, index) => picture(item, index, about))) : null,
      h("div", { class: "ws-tables" }, table("Parameters", about.parameters), table("Timeline", about.durations)),
      about.again ? h("button", { type: "button", "data-key": "again", onclick: () => model.send({ do: "again" }) },
        "Use these parameters again") : null,
      ...about.documents.map(document_));
    if (shown !== about.id) {
      shown = about.id;
      host.scrollIntoView({ block: "nearest" });
      host.focus({ preventScroll: true });
    }
  }

  host.addEventListener("keydown", event => { if (event.key === "Escape" && model.get("about").id) { event.stopPropagation(); close(); } });
  model.on("change:about change:problem change:inspecting", show);
  shown = model.get("about").id ?? "";  // when a page is opened again the focus stays where it is
  show();
  return () => { urls.forEach(url => URL.revokeObjectURL(url)); model.off(null, show); };
}

export default { render };
