// Numbers as pictures.

export const dark = matchMedia("(prefers-color-scheme: dark)");

// What the page's colours are, read anew when they change.
export const colours = {};

export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const rgb = (name) => style.getPropertyValue(name).match(/\w\w/g).map((hex) => parseInt(hex, 16));
  const [minus, zero, plus, ink, paper] = ["--minus", "--zero", "--plus", "--ink", "--paper"].map(rgb);
  Object.assign(colours, {
    ink: `rgb(${ink})`,
    muted: style.getPropertyValue("--muted"),
    minus: style.getPropertyValue("--minus"),
    plus: style.getPropertyValue("--plus"),
    // By a byte: 1 is -1, 128 is 0, 255 is 1.
    signed: table((byte) => mix(zero, byte < 128 ? minus : plus, Math.abs(byte - 128) / 127)),
    // By a byte: 0 is paper, 255 is ink.
    inked: table((byte) => mix(paper, ink, byte / 255)),
    // The same, faint; and ink on nothing.
    faint: table((byte) => mix(paper, ink, (0.4 * byte) / 255)),
    veil: table((byte) => [...ink, byte]),
  });
}

const mix = (from, to, share) => from.map((channel, i) => channel + (to[i] - channel) * share);

// One colour for each byte, as an `ImageData` has them.
function table(colour) {
  const bytes = new Uint8ClampedArray(4 * 256);
  for (let byte = 0; byte < 256; byte++) bytes.set([255, 255, 255, 255], 4 * byte);
  for (let byte = 0; byte < 256; byte++) bytes.set(colour(byte), 4 * byte);
  return new Uint32Array(bytes.buffer);
}

// Numbers from -limit to limit as bytes.
export function scaled(values, limit = 1) {
  const factor = limit > 0 ? 127 / limit : 0;
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.max(1, Math.min(255, Math.round(128 + factor * values[i])));
  return bytes;
}

export const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

const contexts = new WeakMap();

// Paints one pixel a byte; a canvas is as large as what it shows.
export function paint(canvas, bytes, table) {
  if (!contexts.has(canvas)) {
    const context = canvas.getContext("2d", { willReadFrequently: true });
    contexts.set(canvas, { context, picture: context.createImageData(canvas.width, canvas.height) });
  }
  const { context, picture } = contexts.get(canvas);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = table[bytes[i]];
  context.putImageData(picture, 0, 0);
}

export function element(name, properties = {}, children = []) {
  const { role, label, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  if (role) made.setAttribute("role", role);
  if (label) made.setAttribute("aria-label", label);
  made.append(...children);
  return made;
}

export const canvas = (width, height, properties = {}) => element("canvas", { width, height, ...properties });

// Among buttons one is reached by Tab, the others by arrow keys from there.
export function rove(group, columns) {
  const buttons = () => [...group.querySelectorAll("button")].filter((button) => button.offsetParent);
  const choose = (button) => {
    for (const other of buttons()) other.tabIndex = other === button ? 0 : -1;
  };
  group.addEventListener("focusin", (event) => event.target.matches("button") && choose(event.target));
  group.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.indexOf(document.activeElement);
    const to = {
      ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns(), ArrowDown: at + columns(), Home: 0, End: all.length - 1,
    }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    all[to]?.focus();
  });
}
