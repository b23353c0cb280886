// The pixel inspector: a picture, and for the pixel that pointer or keys choose its place, its numbers, and where
// they stand in the model's JSON. One module for two hosts: anywidget calls render(), a static page calls mountAll().

const AROUND = 4; // cells of the lens on each side of the pixel
const CELL = 18; // their size, CSS pixels
const ROWS = 2; // lines of JSON above and below the pixel's own
const LEAP = 8; // pixels for an arrow key with shift
const SAID_AFTER = 250; // ms of rest before a screen reader is told about the pixel
const SHOWN = 384; // a small picture is enlarged to about this many CSS pixels, a large one is not
const CHANNELS = ["red", "green", "blue"];

/** Decode an RGB PNG of 8 bits, not interlaced. By hand, because browsers change what is read back from a canvas
 *  (colour profiles, protection against fingerprinting), and the numbers shown here must be those of the file. */
async function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), parts = [];
  let width = 0, height = 0;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at), kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") {
      [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
      if (body[8] !== 8 || body[9] !== 2 || body[12] !== 0) throw new Error("the PNG is not plain RGB of 8 bits");
    }
    if (kind === "IDAT") parts.push(body);
    at += 12 + length;
  }
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const raw = new Uint8Array(await new Response(stream).arrayBuffer());
  if (!width || raw.length !== height * (3 * width + 1)) throw new Error("the PNG is not whole");
  return { width, height, rgb: unfilter(raw, 3 * width, height) };
}

/** https://www.w3.org/TR/png-3/#9Filters, for three bytes a pixel. */
function unfilter(raw, stride, height) {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)], from = y * (stride + 1) + 1, to = y * stride;
    for (let i = 0; i < stride; i++) {
      const a = i >= 3 ? out[to + i - 3] : 0, b = y ? out[to + i - stride] : 0;
      const c = i >= 3 && y ? out[to + i - stride - 3] : 0;
      out[to + i] = raw[from + i] + [0, a, b, (a + b) >> 1, filter === 4 ? paeth(a, b, c) : 0][filter];
    }
  }
  return out;
}

function paeth(a, b, c) {
  const p = a + b - c, pa = Math.abs(p - a), pb = Math.abs(p - b), pc = Math.abs(p - c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

function element(tag, name, attributes = {}, ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const clamp = (value, top) => Math.min(top, Math.max(0, value));
const digits = (value) => (value < 10 ? 1 : value < 100 ? 2 : 3);

/** How the model's JSON writes the picture: text of a pixel, and at which byte of the answer it stands. */
class Text {
  constructor(picture, separator, start) {
    Object.assign(this, { picture, separator, start });
    this.rows = null;
  }
  at(x, y) {
    const k = 3 * (y * this.picture.width + x);
    return "[" + Array.from(this.picture.rgb.subarray(k, k + 3)).join(this.separator) + "]";
  }
  length(x, y) {
    const k = 3 * (y * this.picture.width + x), v = this.picture.rgb;
    return 2 + 2 * this.separator.length + digits(v[k]) + digits(v[k + 1]) + digits(v[k + 2]);
  }
  /** First and last byte of the pixel's text, counted from 0. */
  bytes(x, y) {
    const { width, height } = this.picture, gap = this.separator.length;
    if (!this.rows) {
      this.rows = [this.start + 1];
      for (let j = 0; j + 1 < height; j++) {
        let length = 2 + (width - 1) * gap;
        for (let i = 0; i < width; i++) length += this.length(i, j);
        this.rows.push(this.rows[j] + length + gap);
      }
    }
    let first = this.rows[y] + 1;
    for (let i = 0; i < x; i++) first += this.length(i, y) + gap;
    return [first, first + this.length(x, y) - 1];
  }
}

/** Everything that is shown; `update(x, y)` shows another pixel. */
class View {
  constructor(facts, picture) {
    Object.assign(this, { facts, picture, text: new Text(picture, facts.separator || ", ", facts.start) });
    const { width, height } = picture;
    const label = `${facts.alt}, ${width} by ${height} pixels. Arrow keys choose a pixel, with shift ${LEAP} at a time.`;
    this.canvas = element("canvas", "picture", { tabindex: 0, role: "application", "aria-label": label });
    this.canvas.setAttribute("aria-roledescription", "pixel inspector");
    this.marker = element("div", "marker", { "aria-hidden": "true" });
    this.lens = element("canvas", "lens", { "aria-hidden": "true" });
    this.values = CHANNELS.map(() => element("span", "value"));
    this.bars = CHANNELS.map((name) => element("i", name));
    this.swatch = element("i", "swatch");
    this.colour = element("span", "colour");
    this.place = element("span", "place");
    this.where = element("p", "where");
    this.json = element("pre", "json", { "aria-label": "The model's JSON around the pixel" });
    this.bytes = element("p", "bytes");
    this.said = element("p", "said", { "aria-live": "polite" });
    this.paint();
  }

  paint() {
    const { width, height, rgb } = this.picture, image = new ImageData(width, height);
    for (let i = 0, j = 0; i < rgb.length; i += 3, j += 4) image.data.set([rgb[i], rgb[i + 1], rgb[i + 2], 255], j);
    [this.canvas.width, this.canvas.height] = [width, height];
    this.canvas.getContext("2d").putImageData(image, 0, 0);
    this.lens.width = this.lens.height = (2 * AROUND + 1) * CELL;
  }

  build() {
    const { width, height } = this.picture;
    const scale = Math.max(1, Math.floor(SHOWN / Math.max(width, height)));
    const stage = element("div", "stage", {}, this.canvas, this.marker);
    stage.style.width = Math.min(512, width * scale) + "px";
    this.marker.style.width = `max(9px, ${100 / width}%)`;
    const numbers = element("div", "numbers", {}, this.place, element("span", "chip", {}, this.swatch, this.colour));
    CHANNELS.forEach((name, i) => {
      const bar = element("span", "bar", { "aria-hidden": "true" }, this.bars[i]);
      const key = element("abbr", "key", { title: name }, name[0].toUpperCase());
      numbers.append(element("span", "channel", {}, key, this.values[i], bar));
    });
    const keys = element("p", "keys");
    keys.textContent = `Point, or use the arrow keys (shift: ${LEAP} at a time), Home and End, Page up and down. ` +
      "A click holds the pixel, another lets it go.";
    const side = element("div", "side", {}, element("div", "reading", {}, this.lens, numbers), this.where);
    side.append(...(this.facts.path ? [this.json, this.bytes] : []));
    if (this.facts.note) side.append(element("p", "note", {}, this.facts.note));
    side.append(keys, this.said);
    return element("div", "pixel-inspector", { "data-lm-suppress-shortcuts": "true" }, stage, side);
  }

  update(x, y, held) {
    const { width, height, rgb } = this.picture, k = 3 * (y * width + x), value = Array.from(rgb.subarray(k, k + 3));
    this.marker.style.left = (100 * (x + 0.5)) / width + "%";
    this.marker.style.top = (100 * (y + 0.5)) / height + "%";
    this.marker.classList.toggle("held", held);
    const hex = "#" + value.map((v) => v.toString(16).padStart(2, "0")).join("");
    this.place.textContent = `x ${x}, y ${y}` + (held ? ", held" : "");
    [this.swatch.style.background, this.colour.textContent] = [hex, hex];
    value.forEach((v, i) => {
      this.values[i].textContent = v;
      this.bars[i].style.width = (100 * v) / 255 + "%";
    });
    const path = this.facts.path;
    this.where.textContent = path ? `${path}[${y}][${x}] = ${this.text.at(x, y)}   x ${x}, y ${y}` : "";
    if (path) this.showText(x, y);
    this.showLens(x, y);
    clearTimeout(this.timer);
    const words = `x ${x}, y ${y}: ` + CHANNELS.map((name, i) => `${name} ${value[i]}`).join(", ");
    this.timer = setTimeout(() => { this.said.textContent = words; }, SAID_AFTER);
  }

  /** How many pixels' text fits on each side of the pixel's own. */
  around() {
    const width = this.json.clientWidth;
    return width > 800 ? 2 : width > 420 ? 1 : 0;
  }

  showText(x, y) {
    const { width, height } = this.picture, around = this.around(), lines = [];
    for (let j = Math.max(0, y - ROWS); j <= Math.min(height - 1, y + ROWS); j++) {
      const line = element("div", j === y ? "own" : "", { "data-row": `[${j}]` });
      line.append(x > around ? "[… " : "[");
      for (let i = Math.max(0, x - around); i <= Math.min(width - 1, x + around); i++) {
        const comma = i < width - 1 ? this.text.separator : "";
        const pixel = element("span", "px" + (i === x && j === y ? " here" : ""), {}, this.text.at(i, j));
        const k = 3 * (j * width + i);
        pixel.style.setProperty("--c", `rgb(${this.picture.rgb.subarray(k, k + 3).join()})`);
        line.append(element("span", "slot", {}, pixel, comma));
      }
      line.append(x + around < width - 1 ? "…]" : "]", j < height - 1 ? "," : "");
      lines.push(line);
    }
    this.json.replaceChildren(...lines);
    if (this.facts.start < 0) return;
    const [first, last] = this.text.bytes(x, y), shown = (n) => n.toLocaleString("en");
    this.bytes.textContent = `bytes ${shown(first)} to ${shown(last)} of the answer's ${shown(this.facts.size)}`;
  }

  showLens(x, y) {
    const { width, height, rgb } = this.picture, pen = this.lens.getContext("2d");
    pen.clearRect(0, 0, this.lens.width, this.lens.height);
    for (let dy = -AROUND; dy <= AROUND; dy++) for (let dx = -AROUND; dx <= AROUND; dx++) {
      const [i, j] = [x + dx, y + dy];
      if (i < 0 || j < 0 || i >= width || j >= height) continue;
      const k = 3 * (j * width + i);
      pen.fillStyle = `rgb(${rgb[k]},${rgb[k + 1]},${rgb[k + 2]})`;
      pen.fillRect((dx + AROUND) * CELL, (dy + AROUND) * CELL, CELL, CELL);
    }
    for (const [colour, inset] of [["#000", 1], ["#fff", 3]]) { // seen on any colour
      [pen.strokeStyle, pen.lineWidth] = [colour, 2];
      pen.strokeRect(AROUND * CELL + inset, AROUND * CELL + inset, CELL - 2 * inset, CELL - 2 * inset);
    }
  }
}

/** Where a key leads, or null when it is none of ours. */
function target(event, x, y, width, height) {
  const step = event.shiftKey ? LEAP : 1, page = Math.max(1, Math.round(height / 8)), whole = event.ctrlKey || event.metaKey;
  switch (event.key) {
    case "ArrowLeft": return [x - step, y];
    case "ArrowRight": return [x + step, y];
    case "ArrowUp": return [x, y - step];
    case "ArrowDown": return [x, y + step];
    case "Home": return [0, whole ? 0 : y];
    case "End": return [width - 1, whole ? height - 1 : y];
    case "PageUp": return [x, y - page];
    case "PageDown": return [x, y + page];
    default: return null;
  }
}

/** Pointer and keys on the canvas; `choose(x, y)` is called for pixels inside the picture, `hold()` for clicks. */
function listen(canvas, { width, height }, state, choose, hold) {
  canvas.addEventListener("pointermove", (event) => {
    if (state.held) return;
    const box = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    choose(clamp(Math.floor(x * width), width - 1), clamp(Math.floor(y * height), height - 1));
  });
  canvas.addEventListener("click", hold);
  canvas.addEventListener("keydown", (event) => {
    const to = target(event, state.x, state.y, width, height);
    if (!to) return;
    event.preventDefault();
    event.stopPropagation(); // notebooks that do not know data-lm-suppress-shortcuts would move to another cell
    choose(clamp(to[0], width - 1), clamp(to[1], height - 1));
  });
}

/** Build the inspector in `host`; returns `{ state, update }`. `chosen(x, y)` is called with what people choose. */
async function build(host, facts, png, x, y, chosen) {
  const picture = await decode(png), view = new View(facts, picture);
  const state = { x: clamp(x, picture.width - 1), y: clamp(y, picture.height - 1), held: false };
  const update = () => view.update(state.x, state.y, state.held);
  const set = (i, j) => { [state.x, state.y] = [clamp(i, picture.width - 1), clamp(j, picture.height - 1)]; update(); };
  listen(view.canvas, picture, state, (i, j) => {
    if (i === state.x && j === state.y) return;
    set(i, j);
    chosen(i, j);
  }, () => { state.held = !state.held; update(); });
  host.replaceChildren(view.build());
  update();
  watchWidth(view, update);
  view.canvas.dataset.ready = "true";
  return { state, set };
}

/** Show again when more, or less, of the text fits. */
function watchWidth(view, update) {
  let before = view.around();
  new ResizeObserver(() => {
    if (view.around() === before) return;
    before = view.around();
    requestAnimationFrame(update); // not from within: that would be a loop
  }).observe(view.json);
}

function explain(host, error) {
  host.append(element("p", "pixel-inspector-error", { role: "alert" }, `The pixel inspector cannot start: ${error.message}`));
}

/** anywidget's entry: x and y are shared with Python. */
async function render({ model, el }) {
  const png = model.get("png");
  const bytes = new Uint8Array(png.buffer, png.byteOffset, png.byteLength);
  let frame = 0;
  const chosen = (x, y) => {
    model.set("x", x);
    model.set("y", y);
    frame ||= requestAnimationFrame(() => { frame = 0; model.save_changes(); });
  };
  try {
    const made = await build(el, model.get("facts"), bytes, model.get("x"), model.get("y"), chosen);
    const follow = () => {
      const [x, y] = [model.get("x"), model.get("y")];
      if (x !== made.state.x || y !== made.state.y) made.set(x, y);
    };
    model.on("change:x change:y", follow);
    return () => model.off("change:x change:y", follow);
  } catch (error) {
    explain(el, error);
  }
}

/** A static page's entry: each host holds an <img> with the PNG, shown until and unless this runs. */
async function mountAll(root) {
  for (const host of root.querySelectorAll("[data-inspector]:not([data-mounted])")) {
    host.dataset.mounted = "true";
    try {
      const { x, y, ...facts } = JSON.parse(host.dataset.inspector);
      const text = atob(host.querySelector("img").src.split(",")[1]);
      await build(host, facts, Uint8Array.from(text, (c) => c.charCodeAt(0)), x, y, () => {});
    } catch (error) {
      explain(host, error);
    }
  }
}

export default { render, mountAll };
