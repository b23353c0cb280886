// The gallery: each tile is a button, its pictures have the prompt as their text.

const ACTIVE_MS = 10 * 60 * 1000;  // after so long without a sign of anybody the bucket is no longer listed by itself

function render({ model, el }) {
  const host = root(el, "gallery", "Gallery");
  const title = h("h2", null, "Gallery"), count = h("span", { class: "ws-hint", role: "status" });
  const refresh = h("button", { type: "button", onclick: () => model.send({ do: "refresh" }) }, "Refresh");
  const grid = h("div", { class: "ws-tiles" });
  const turn = by => model.send({ do: "turn", number: model.get("number") + by });
  const newer = h("button", { type: "button", onclick: () => turn(-1) }, "‹ Newer");
  const older = h("button", { type: "button", onclick: () => turn(1) }, "Older ›");
  const where = h("span", { role: "status" });
  const pager = h("nav", { "aria-label": "Pages of the gallery" }, newer, where, older);
  host.append(h("header", null, title, count, refresh), grid, pager);

  function picture(tile, source, index) {
    return h("img", { src: source, alt: `${tile.prompt}, picture ${index + 1} of ${tile.count}`, decoding: "async" });
  }

  function inside(tile) {
    if (tile.state === "loading") return [h("span", { class: "ws-blank" }, "loading…")];
    if (!tile.pictures.length) {
      return [h("span", { class: `ws-blank ${tile.gone ? "" : "ws-failed"}` }, h("strong", null, tile.gone ? "– Cancelled or expired" : tile.state === "failed" ? "✕ Failed" : "✕ No pictures"),
        h("span", null, tile.reason))];
    }
    const more = tile.count > tile.pictures.length ? h("span", { class: "ws-more" }, `+${tile.count - tile.pictures.length}`) : null;
    return [h("span", { class: "ws-pictures", "data-count": tile.pictures.length },
      ...tile.pictures.map((source, index) => picture(tile, source, index)), more)];
  }

  function tile(item) {
    const label = item.state === "loading" ? "Loading" : null;
    return h("button", { type: "button", class: "ws-tile", "data-key": item.id, "data-tile": item.id, "data-state": item.state,
      "aria-label": label, "aria-expanded": String(model.get("chosen") === item.id),
      onclick: () => model.send({ do: "open", id: item.id }) },
      ...inside(item), h("span", { class: "ws-caption" }, item.prompt || item.id),
      item.warnings.length ? h("span", { class: "ws-warned" }, `⚠ ${item.warnings.join("; ")}`) : null);
  }

  function show() {
    const tiles = model.get("tiles"), total = model.get("total"), pages = model.get("pages"), number = model.get("number");
    count.textContent = model.get("busy") && !total ? "reading the bucket…" : plural(total, "request");
    title.title = `from s3://${model.get("bucket")}`;
    host.setAttribute("aria-busy", String(model.get("busy")));
    fill(grid, ...(tiles.length ? tiles.map(tile) : [h("p", { class: "ws-hint" },
      model.get("busy") ? "Reading what this workshop has made…" : "Nothing here yet: pictures appear when a request is done.")]));
    pager.hidden = pages < 2;
    where.textContent = `Page ${number} of ${pages}`;
    newer.setAttribute("aria-disabled", String(number <= 1));
    older.setAttribute("aria-disabled", String(number >= pages));
  }

  let active = performance.now();
  const alive = () => { active = performance.now(); };
  const timer = setInterval(() => {
    if (!document.hidden && performance.now() - active < ACTIVE_MS) model.send({ do: "refresh" });
  }, model.get("every_ms"));
  for (const event of ["pointermove", "keydown"]) document.addEventListener(event, alive, { passive: true });
  const names = ["tiles", "number", "pages", "total", "busy", "chosen"];
  model.on(names.map(name => `change:${name}`).join(" "), show);
  show();
  return () => {
    clearInterval(timer);
    for (const event of ["pointermove", "keydown"]) document.removeEventListener(event, alive);
    model.off(null, show);
  };
}

export default { render };
