// The form. What is typed goes to Python, which knows the model's rules and answers with what is wrong with it.

const TYPING_MS = 120;

function render({ model, el }) {
  const form = root(el, "form", "Prompt studio: form");
  const inputs = {}, notes = {};
  let timer = 0;

  // What is typed travels as messages, which arrive in order and before "generate"; a widget's own way of saving its state
  // may hold changes back. Until Python has heard the last one, no older value of Python's is put into a field.
  const view = unique("view");
  let typings = 0, unheard = null;

  function now() {
    clearTimeout(timer);
    if (unheard == null) return;
    const values = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value]));
    model.send({ do: "typed", token: unheard, values, fresh_seed: fresh.checked });
  }

  function typed() {
    unheard = `${view}-${++typings}`;
    clearTimeout(timer);
    timer = setTimeout(now, TYPING_MS);
  }

  function arrows(field, event) {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!by || !field.number || field.name === "seed") return;
    const value = Number(inputs[field.name].value || 0);
    if (!Number.isFinite(value)) return;
    event.preventDefault();
    inputs[field.name].value = String(Math.max(0, value + by * field.step));
    typed();
  }

  function control(field) {
    const id = unique(field.name), hint = unique("hint"), note = unique("note");
    const common = {
      id, name: field.name, placeholder: field.empty || null, "aria-describedby": `${note} ${hint}`, autocomplete: "off",
      oninput: typed,
      onkeydown: event => {
        if (event.key === "Enter" && (field.number || event.ctrlKey || event.metaKey)) { event.preventDefault(); generate(); }
        else arrows(field, event);
      },
    };
    const input = field.name === "prompt" ? h("textarea", { ...common, rows: 2 })
      : h("input", { ...common, type: "text", inputmode: field.number ? "decimal" : null, spellcheck: "false" });
    inputs[field.name] = input;
    notes[field.name] = h("span", { id: note, class: "ws-problem" });
    const row = [input];
    if (field.name === "seed") row.push(dice());
    return h("div", { class: `ws-field ws-${field.name.replaceAll("_", "-")}` },
      h("label", { for: id }, field.label),
      h("div", { class: "ws-row" }, ...row),
      notes[field.name], h("span", { id: hint, class: "ws-hint" }, field.hint));
  }

  function dice() {
    return h("button", { type: "button", class: "ws-dice", "aria-label": "New seed", title: "New seed",
      onclick: () => { now(); model.send({ do: "roll" }); } }, "⚄");
  }

  function examples() {
    const chips = model.get("examples").map(text => h("button", { type: "button", class: "ws-chip", onclick: () => {
      inputs.prompt.value = text;
      typed();
      now();
      inputs.prompt.focus();
    } }, text));
    return chips.length && h("div", { class: "ws-examples", role: "group", "aria-label": "Example prompts" },
      h("span", { class: "ws-hint" }, "Try:"), ...chips);
  }

  const fresh = h("input", { type: "checkbox", onchange: () => { typed(); now(); } });
  const reason = h("span", { id: unique("reason"), class: "ws-reason", role: "status" });
  const button = h("button", { type: "button", class: "ws-generate", "aria-describedby": reason.id, onclick: () => generate() },
    "Generate");

  function generate() {
    const judged = unheard == null;
    now();
    if (judged && button.getAttribute("aria-disabled") === "true") return;
    model.send({ do: "generate" });  // Python judges what it has just heard
  }

  const fields = Object.fromEntries(model.get("fields").map(field => [field.name, control(field)]));
  form.append(
    h("header", null, h("h2", null, "Prompt studio"), h("span", { class: "ws-hint" }, model.get("model_name"))),
    fields.prompt, examples() || "", fields.negative_prompt,
    h("div", { class: "ws-numbers" }, ...model.get("fields").filter(field => field.number).map(field => fields[field.name])),
    h("div", { class: "ws-actions" }, button, h("label", { class: "ws-check" }, fresh, " new seed after each"), reason));

  function show() {
    if (model.get("heard") === unheard) unheard = null;
    if (unheard != null) return;
    for (const [name, input] of Object.entries(inputs)) {
      const value = model.get(name);
      if (input.value !== value) input.value = value;
    }
    fresh.checked = model.get("fresh_seed");
  }

  function judge() {
    const problems = model.get("problems"), why = model.get("reason");
    for (const [name, input] of Object.entries(inputs)) {
      notes[name].textContent = problems[name] ?? "";
      input.toggleAttribute("aria-invalid", false);
      if (problems[name]) input.setAttribute("aria-invalid", "true");
    }
    // Not "disabled": a button that can be reached tells the reason to those who cannot see it.
    button.setAttribute("aria-disabled", String(Boolean(why)));
    reason.textContent = why;
  }

  for (const name of [...Object.keys(inputs), "fresh_seed", "heard"]) model.on(`change:${name}`, show);
  model.on("change:problems change:reason", judge);
  show();
  judge();
  return () => { clearTimeout(timer); model.off(null, show); model.off(null, judge); };
}

export default { render };
