// The requests on their way. The seconds tick here; everything else comes from Python when it changes.

const MARKS = { done: "✓", active: "●", todo: "○", skipped: "–", failed: "✕" };
const MEANINGS = { done: "done", active: "going on", todo: "to come", skipped: "not needed", failed: "ended here" };
const OUTCOMES = { done: "Done", failed: "Failed", cancelled: "Cancelled" };

const seconds = value => value < 60 ? `${value.toFixed(1)} s` : `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;

function render({ model, el }) {
  const host = root(el, "timeline", "Requests on their way");
  const said = h("p", { class: "ws-unseen", role: "status", "aria-live": "polite" });
  const error = h("div", { class: "ws-alert", role: "alert" });
  const list = h("div", { class: "ws-requests" });
  host.append(error, list, said);
  let received = performance.now();

  function step(item) {
    const took = item.seconds == null ? null : h("small", null, seconds(item.seconds));
    return h("li", { "data-status": item.status, "aria-current": item.status === "active" ? "step" : null },
      h("span", { class: "ws-mark", "aria-hidden": "true" }, MARKS[item.status]), h("span", null, item.label),
      h("span", { class: "ws-unseen" }, `: ${MEANINGS[item.status]}`), took);
  }

  function request(row) {
    const act = row.running
      ? h("button", { type: "button", "data-key": `act-${row.id}`, "aria-label": `Cancel: ${row.prompt}`,
          onclick: () => model.send({ do: "cancel", id: row.id }) }, "Cancel")
      : h("button", { type: "button", "data-key": `act-${row.id}`, "aria-label": `Take off the list: ${row.prompt}`,
          onclick: () => model.send({ do: "dismiss", id: row.id }) }, "Dismiss");
    const bar = h("progress", { max: 1, value: row.progress, "aria-label": `Progress of: ${row.prompt}` });
    return h("article", { "data-state": row.state, "data-id": row.id },
      h("header", null, h("h3", null, row.prompt),
        h("span", { class: "ws-time", "data-elapsed": row.elapsed, "data-running": row.running ? "yes" : "no" }), act),
      bar, h("ol", { "aria-label": `Steps of: ${row.prompt}` }, ...row.steps.map(step)),
      h("p", { class: "ws-text" }, OUTCOMES[row.state] && row.state !== "done" ? h("strong", null, `${OUTCOMES[row.state]}. `) : null, row.text));
  }

  function legend() {
    return h("details", { "data-key": "legend" }, h("summary", { "data-key": "legend-summary" }, "What do these steps mean?"),
      h("dl", null, ...model.get("legend").flatMap(([name, text]) => [h("dt", null, name), h("dd", null, text)])));
  }

  function tick() {
    const since = (performance.now() - received) / 1000;
    for (const node of list.querySelectorAll(".ws-time")) {
      const value = Number(node.dataset.elapsed) + (node.dataset.running === "yes" ? since : 0);
      node.textContent = seconds(value);
    }
  }

  function show() {
    received = performance.now();
    const rows = model.get("rows"), more = model.get("more");
    host.hidden = !rows.length && !model.get("error");
    fill(list, rows.length ? h("header", null, h("h2", null, "Requests"), legend()) : null, ...rows.map(request),
      more ? h("p", { class: "ws-hint" }, `and ${more} more on their way`) : null);
    tick();
  }

  function complain() {
    const text = model.get("error");
    host.hidden = !text && !model.get("rows").length;
    fill(error, ...(text ? [h("span", null, text), h("button", { type: "button", "aria-label": "Close this message",
      onclick: () => model.send({ do: "clear" }) }, "✕")] : []));
    error.hidden = !text;
  }

  const announce = () => { said.textContent = model.get("said"); };
  model.on("change:rows change:more", show);
  model.on("change:error", complain);
  model.on("change:said", announce);
  show();
  complain();
  const timer = setInterval(tick, 100);
  return () => { clearInterval(timer); model.off(null, show); model.off(null, complain); model.off(null, announce); };
}

export default { render };
