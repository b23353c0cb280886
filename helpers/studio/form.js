// The form. What is typed goes to Python, which knows the model's rules and answers with what is wrong.

const TYPING_MS = 120;

function render({ model, el }) {
  const form = root(el, "form", "Prompt studio: form");
  const inputs = {}, notes = {};
  let timer = 0;

  const later = () => { clearTimeout(timer); timer = setTimeout(() => model.save_changes(), TYPING_MS); };
  const now = () => { clearTimeout(timer); model.save_changes(); };

  function typed(name, value) {
    model.set(name, value);
    later();
  }

  function arrows(field, event) {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!by || !field.number || field.name === "seed") return;
    const value = Number(inputs[field.name].value || 0);
    if (!Number.isFinite(value)) return;
    event.preventDefault();
    inputs[field.name].value = String(Math.max(0, value + by * field.step));
    typed(field.name, inputs[field.name].value);
  }

  function control(field) {
    const id = unique(field.name), hint = unique("hint"), note = unique("note");
    const common = {
      id, name: field.name, placeholder: field.empty || null, "aria-describedby": `${note} ${hint}`, autocomplete: "off",
      oninput: event => typed(field.name, event.target.value), onchange: now,
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
      model.set("prompt", text);
      now();
      inputs.prompt.focus();
    } }, text));
    return chips.length && h("div", { class: "ws-examples", role: "group", "aria-label": "Example prompts" },
      h("span", { class: "ws-hint" }, "Try:"), ...chips);
  }

  const fresh = h("input", { type: "checkbox", onchange: () => { model.set("fresh_seed", fresh.checked); now(); } });
  const reason = h("span", { id: unique("reason"), class: "ws-reason", role: "status" });
  const button = h("button", { type: "button", class: "ws-generate", "aria-describedby": reason.id, onclick: () => generate() },
    "Generate");

  function generate() {
    now();  // what was typed last arrives first
    if (button.getAttribute("aria-disabled") === "true") return;
    model.send({ do: "generate" });
  }

  const fields = Object.fromEntries(model.get("fields").map(field => [field.name, control(field)]));
  form.append(
    h("header", null, h("h2", null, "Prompt studio"), h("span", { class: "ws-hint" }, model.get("model_name"))),
    fields.prompt, examples() || "", fields.negative_prompt,
    h("div", { class: "ws-numbers" }, ...model.get("fields").filter(field => field.number).map(field => fields[field.name])),
    h("div", { class: "ws-actions" }, button, h("label", { class: "ws-check" }, fresh, " new seed after each"), reason));

  function show() {
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

  for (const name of [...Object.keys(inputs), "fresh_seed"]) model.on(`change:${name}`, show);
  model.on("change:problems change:reason", judge);
  show();
  judge();
  return () => { clearTimeout(timer); model.off(null, show); model.off(null, judge); };
}

export default { render };
