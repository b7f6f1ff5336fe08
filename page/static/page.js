// Has the network read what is drawn, opened or chosen, and shows what it makes of it.

import { some, unpack } from "./digits.js";
import { LAYERS, Network, parametersIn, Pictures, shipped } from "./network.js";
import { Paper } from "./paper.js";
import { canvas, colours, dark, element, largest, paint, readColours, rove, scaled } from "./pictures.js";

// How each stage is laid out: maps a row, and the width of one in rem. C5 and F6 have so many units a row instead.
const LAYOUT = {
  C1: { columns: 2, width: 3.5, does: "convolution 5×5" },
  S2: { columns: 2, width: 3.5, does: "sub-sampling 2×2" },
  C3: { columns: 4, width: 2.5, does: "convolution 5×5" },
  S4: { columns: 4, width: 2.5, does: "sub-sampling 2×2" },
  C5: { columns: 8, width: 5, does: "convolution 5×5" },
  F6: { columns: 7, width: 5.25, does: "full connection" },
  output: { columns: 1, width: 1.1, does: "full connection" },
};
const PIXELS = 1 << 21; // of an opened image at most: the network's own preparation has no use for more
const WEIGHTS = 16 << 20; // bytes of a file of weights at most
const SHOWN = matchMedia("(max-width: 42rem)").matches ? 24 : 48; // test digits at a time

const DENSE = devicePixelRatio > 1 ? 2 : 1; // pixels of the large canvases for one of the page

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const percent = (share) => `${(100 * share).toFixed(share > 0.9995 ? 0 : 1)}\u00a0%`;
const title = (name) => name[0].toUpperCase() + name.slice(1);

async function get(name) {
  const response = await fetch(name).catch(() => null);
  if (!response?.ok) throw new Error(`${name} could not be loaded. Is the server still there?`);
  return response.arrayBuffer();
}

// ---- What is asked, and the answer to it

let compiled = null; // reader.wasm
let network = null;
let parameters = null; // the network's
let pictures = null; // what finds digits in pictures, once it is wanted: a promise
let parts = []; // the digits of a drawing of several
let part = 0; // the one that is looked into
let current = null; // { drawing: true }, { sample } or { digit, name }: what is on the paper
let towards = null; // the class that was chosen
let answer = null;
let asked = false;

// Reads once before the screen is painted next, however many strokes there were since.
function ask() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    if (!network || !current) return;
    const start = performance.now();
    read();
    performance.measure("answer", { start });
  });
}

function read() {
  try {
    const digit = current.sample?.pixels ?? current.digit;
    answer = digit ? network.readDigit(digit) : network.readDrawing(paper.ink(parts[part]));
  } catch (error) {
    answer = null;
    show();
    say(`Not read: ${error.message}.`);
    return;
  }
  const label = current.sample?.label;
  const other = towards ?? label ?? answer.digit;
  answer.towards = other === answer.digit ? ranked(answer.probabilities)[1] : other;
  answer.why = network.explain(answer.digit, answer.towards);
  show();
  say(verdict());
}

function verdict() {
  const { digit, probabilities, whole, noDigit } = answer;
  const guess = `${digit}, ${percent(probabilities[digit])}`;
  const second = ranked(probabilities)[1];
  let text = `Read as ${guess}; then ${second}, ${percent(probabilities[second])}.`;
  if (noDigit >= 0.5) text = `No digit, ${percent(noDigit)}; else ${guess}.`;
  if (parts.length) text = `A number: ${written()}. Looking into its digit ${part + 1}: ${guess}; then ${second}, ${percent(probabilities[second])}.`;
  if (current.sample) {
    const { index, label } = current.sample;
    text = `Test digit ${number.format(index)} is a ${label}. Read as ${guess}: ${label === digit ? "right" : "wrong"}.`;
  }
  if (network.off.length) text += ` With all maps on: ${whole.digit}, ${percent(whole.probabilities[whole.digit])}.`;
  return text;
}

const ranked = (probabilities) => [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);

const written = () => parts.map(({ digit }) => digit).join("");

// At once for who sees it; for screen readers, and for the link, when the pen rests.
let toSay = 0;
function say(text) {
  $("said").textContent = text;
  clearTimeout(toSay);
  toSay = setTimeout(() => {
    $("spoken").textContent = text;
    keepLink();
  }, 350);
}

// Looks for several digits in what is drawn, once the pen rests.
let toFind = 0;
function rest() {
  clearTimeout(toFind);
  toFind = setTimeout(async () => {
    let found = [];
    try {
      found = current?.drawing ? (await openPictures()).read(paper.picture) : [];
    } catch {
      // What can't be read as a number is read as a digit.
    }
    if (current?.drawing) showParts(found.length > 1 ? found : []);
  }, 250);
}

async function openPictures() {
  pictures ??= get("pictures.wasm").then(WebAssembly.compile).then((compiled) => new Pictures(compiled, parameters));
  pictures.catch(() => (pictures = null));
  return pictures;
}

function showParts(found, chosen = found.length - 1) {
  if (!parts.length && !found.length) return;
  [parts, part] = [found, chosen];
  $("parts").hidden = !parts.length;
  $("parts").replaceChildren(...parts.map(({ digit, probability }, i) => {
    const button = element("button", { type: "button", textContent: digit, label: `${digit}, ${percent(probability)}` });
    button.setAttribute("aria-pressed", i === part);
    button.addEventListener("click", () => {
      showParts(parts, i);
      $("parts").children[i].focus();
    });
    return button;
  }));
  paper.frame(parts, part);
  if (current) ask();
}

// ---- Showing it

function show() {
  showDigit();
  showClasses();
  showStages();
  showWhy();
  document.body.dataset.digit = (parts.length ? written() : answer?.digit) ?? "";
}

function showDigit() {
  const digit = $("digit");
  digit.textContent = (parts.length ? written() : answer?.digit) ?? "?";
  digit.classList.toggle("number", parts.length > 0);
  digit.classList.toggle("empty", !answer || (!parts.length && answer.noDigit >= 0.5));
  digit.classList.toggle("wrong", answer !== null && current.sample !== undefined && current.sample.label !== answer.digit);
  paint($("prepared"), answer?.prepared ?? new Uint8Array(28 * 28), colours.inked);
}

const classes = Array.from({ length: 10 }, (_, digit) => {
  const [bar, mark, share] = [element("i"), element("s"), element("span", { className: "share" })];
  const also = element("span", { className: "unseen" });
  const button = element("button", { type: "button" }, [
    element("span", { textContent: digit }), element("span", { className: "bar" }, [bar, mark]), share, also,
  ]);
  button.addEventListener("click", () => {
    towards = towards === digit ? null : digit;
    ask();
  });
  $("classes").append(element("li", {}, [button]));
  return { button, bar, mark, share, also };
});

function showClasses() {
  const off = network?.off.length > 0;
  classes.forEach(({ button, bar, mark, share, also }, digit) => {
    const probability = answer?.probabilities[digit] ?? 0;
    const whole = answer?.whole.probabilities[digit] ?? 0;
    bar.style.transform = `scaleX(${probability})`;
    mark.style.left = `${100 * whole}%`;
    mark.hidden = !off || !answer;
    share.textContent = answer ? percent(probability) : "";
    button.classList.toggle("best", answer?.digit === digit);
    button.setAttribute("aria-pressed", answer?.towards === digit);
    also.textContent = off && answer ? `, with all maps on ${percent(whole)}` : "";
  });
}

const inputs = stage("Input", ["1@32×32", "0 to 1: paper to ink"], [canvas(32, 32, { role: "img" })]);
inputs.maps.style.gridTemplateColumns = "minmax(0, 8rem)";
const filters = Array.from({ length: 6 }, () => canvas(5, 5, { role: "img", className: "filter" }));
const stages = LAYERS.map((layer, i) => {
  const { name, maps, side, parameters } = layer;
  const { columns, width, does } = LAYOUT[name];
  const lines = [side > 1 ? `${maps}@${side}×${side}` : `${maps} units`, `${number.format(parameters)} parameters`, does];
  if (name !== "output") lines.push("then tanh");
  const views = side > 1
    ? Array.from({ length: maps }, (_, map) => mapButton(i, map))
    : [canvas(columns, maps / columns, { role: "img" })];
  const made = stage(title(name), lines, name === "C1" ? views.flatMap((view, map) => [filters[map], view]) : views);
  const filter = name === "C1" ? "minmax(0, 1.6rem) " : "";
  made.maps.style.gridTemplateColumns = `repeat(${side > 1 ? columns : 1}, ${filter}minmax(0, ${width}rem))`;
  if (name === "output") {
    made.maps.className = "maps output";
    made.maps.prepend(element("ol", { ariaHidden: "true" }, classes.map((_, digit) => element("li", { textContent: digit }))));
  }
  if (side > 1) {
    made.maps.setAttribute("role", "group");
    views.forEach((view, map) => (view.tabIndex = map ? -1 : 0));
    rove(made.maps, () => columns);
  }
  return { layer, ...made, views };
});

function stage(name, lines, views) {
  const maps = element("div", { className: "maps" }, views);
  const text = element("p", {}, lines.flatMap((line) => [line, element("br")]));
  const item = element("li", {}, [element("h3", { textContent: name }), text, maps]);
  item.dataset.stage = name;
  $("stages").append(item);
  return { maps, views };
}

function mapButton(layer, map) {
  const { name, side } = LAYERS[layer];
  const button = element("button", { type: "button", label: `Switch off map ${map + 1} of ${name}` }, [canvas(side, side)]);
  button.setAttribute("aria-pressed", false);
  button.addEventListener("click", () => switchMap(layer, map, button.getAttribute("aria-pressed") === "true"));
  return button;
}

function switchMap(layer, map, on) {
  network.switchMap(layer, map, on);
  showOff();
  ask();
}

function showOff() {
  const off = new Set(network.off.map(([layer, map]) => `${layer} ${map}`));
  stages.forEach(({ layer, views }, i) => {
    if (layer.side > 1) views.forEach((view, map) => view.setAttribute("aria-pressed", off.has(`${i} ${map}`)));
  });
  const names = network.off.map(([layer, map]) => `${LAYERS[layer].name} ${map + 1}`);
  $("off").firstElementChild.textContent = names.length
    ? `Off: ${names.slice(0, 8).join(", ")}${names.length > 8 ? ` and ${names.length - 8} more` : ""}.`
    : "Click a map of C1 to S4 to switch it off.";
  $("on").hidden = !names.length;
  showClasses();
}

$("on").addEventListener("click", () => {
  for (const [layer, map] of network.off) network.switchMap(layer, map, true);
  showOff();
  stages[0].views[0].focus();
  ask();
});

function showStages() {
  paint(inputs.views[0], answer?.input ?? new Uint8Array(32 * 32), colours.inked);
  inputs.views[0].setAttribute("aria-label", "Input: 1 map of 32 by 32");
  stages.forEach(({ layer, views, maps }, i) => {
    const { name, side } = layer;
    const values = answer?.stages[i] ?? new Float32Array(layer.maps * side * side);
    const bytes = scaled(values, name === "output" ? largest(values) : 1);
    const each = side > 1 ? side * side : values.length;
    views.forEach((view, map) => {
      paint(view.matches("canvas") ? view : view.firstElementChild, bytes.subarray(map * each, (map + 1) * each), colours.signed);
    });
    const kind = side > 1 ? `${layer.maps} maps of ${side} by ${side}` : `${layer.maps} units`;
    const above = `${values.filter((value) => value > 0).length} of ${values.length} above 0`;
    (side > 1 ? maps : views[0]).setAttribute("aria-label", `${title(name)}: ${kind}${answer ? `, ${above}` : ""}`);
  });
}

function showFilters() {
  const weights = network.filters;
  const bytes = scaled(weights, largest(weights));
  filters.forEach((filter, i) => {
    const [from, to] = [25 * i, 25 * (i + 1)];
    const [low, high] = [Math.min, Math.max].map((f) => signed(f(...weights.subarray(from, to))));
    paint(filter, bytes.subarray(from, to), colours.signed);
    filter.setAttribute("aria-label", `Filter ${i + 1} of C1: 5 by 5 weights from ${low} to ${high}`);
    filter.title = `Filter ${i + 1}: 5×5 weights, ${low} to ${high}`;
  });
}

function showWhy() {
  $("reasons").hidden = !answer;
  if (!answer) {
    $("why-title").textContent = "Why not another?";
    $("why").textContent = "Draw a digit, or choose one; then choose a class in the list of probabilities.";
    return;
  }
  const { digit, why, stages } = answer;
  const margin = stages.at(-1)[digit] - stages.at(-1)[answer.towards];
  $("why-title").textContent = `Why ${digit} and not ${answer.towards}?`;
  const odds = answer.probabilities[digit] / answer.probabilities[answer.towards];
  const ratio = odds < 1e6 ? number.format(Number(odds.toPrecision(2))) : "over a million";
  $("why").textContent =
    `The output of ${digit} leads that of ${answer.towards} by ${margin.toFixed(2)}: odds of ${ratio} to 1. ` +
    "To compare with another class, choose it in the list of probabilities.";
  for (const id of ["ink-digit", "units-digit"]) $(id).textContent = digit;
  for (const id of ["ink-towards", "units-towards"]) $(id).textContent = answer.towards;

  // The input, faint, and on each pixel a dot.
  const ink = $("ink");
  if (ink.width !== 320 * DENSE) ink.width = ink.height = 320 * DENSE;
  const context = ink.getContext("2d");
  paint(faint, answer.input, colours.faint);
  context.imageSmoothingEnabled = false;
  context.drawImage(faint, 0, 0, ink.width, ink.height);
  const side = ink.width / 32;
  const most = largest(why.ink);
  for (const [colour, sign] of [[colours.plus, -1], [colours.minus, 1]]) {
    context.fillStyle = colour;
    context.beginPath();
    why.ink.forEach((value, i) => {
      const radius = (side / 2) * Math.sqrt(Math.max(sign * value, 0) / most);
      if (!(radius >= 1)) return;
      const [x, y] = [((i % 32) + 0.5) * side, (Math.floor(i / 32) + 0.5) * side];
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    });
    context.fill();
  }
  ink.setAttribute("aria-label", `Where ink would speak for ${answer.towards} and where for ${digit}`);

  const units = [...why.units].sort((a, b) => b - a);
  showUnits(units);
  const sum = (keep) => units.filter(keep).reduce((a, b) => a + b, 0).toFixed(2);
  $("units").setAttribute(
    "aria-label",
    `Units of F6: together ${sum((u) => u > 0)} for ${digit}, ${sum((u) => u < 0)} for ${answer.towards}, bias ${why.bias.toFixed(2)}`,
  );
}

const faint = canvas(32, 32);

function showUnits(units) {
  const canvas = $("units");
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  const [high, low] = [Math.max(units[0], 0), Math.min(units.at(-1), 0)];
  const [top, bottom, left, right] = [14 * DENSE, canvas.height - 14 * DENSE, 44 * DENSE, canvas.width - 8 * DENSE];
  const y = (value) => top + ((high - value) / (high - low || 1)) * (bottom - top);
  // Not on the canvas: for a text on it, the browser lays the whole page out anew.
  for (const [id, value] of [["high", high], ["zero", 0], ["low", low]]) {
    const label = $(id);
    label.textContent = signed(value);
    label.style.top = `${y(value) / DENSE}px`;
    label.hidden = value === 0 ? id !== "zero" : Math.abs(y(value) - y(0)) < 12 * DENSE;
  }
  context.fillStyle = colours.muted;
  context.fillRect(left, y(0) - DENSE / 2, right - left, DENSE);
  const width = (right - left) / units.length;
  units.forEach((value, i) => {
    context.fillStyle = value > 0 ? colours.minus : colours.plus;
    context.fillRect(left + i * width + DENSE / 2, Math.min(y(value), y(0)), width - DENSE, Math.abs(y(value) - y(0)));
  });
}

const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(value ? 2 : 0);

// ---- What is on the paper

function choose(what) {
  if (!what.drawing || !current?.drawing) {
    if (!what.drawing) towards = null;
    current = what;
    markChosen();
    showParts([]);
  }
  $("hint").hidden = true;
  ask();
  if (what.drawing) rest();
}

function clear() {
  paper.clear();
  current = answer = towards = null;
  showParts([]);
  markChosen();
  $("hint").hidden = false;
  show();
  say("Nothing is drawn yet.");
}

const paper = (readColours(), new Paper($("paper"), () => choose({ drawing: true }), clear));
$("clear").addEventListener("click", clear);

// A link to what is on the paper, where a link can hold it.
function keepLink() {
  const link = current?.sample ? `test=${current.sample.index}` : current?.drawing ? `draw=${paper.link}` : "";
  const hash = link && link !== "draw=" ? `#${link}` : "";
  if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname + location.search);
}

function followLink() {
  const [kind, what] = location.hash.slice(1).split("=");
  if (kind === "draw" && paper.draw(what)) {
    current = null;
    choose({ drawing: true });
  } else if (kind === "test") {
    const sample = digits.find(({ index }) => index === Number(what));
    if (sample) chooseSample(sample);
  }
}
addEventListener("hashchange", followLink);

$("copy").addEventListener("click", async () => {
  keepLink();
  try {
    await navigator.clipboard.writeText(location.href);
    say(location.hash ? "The link is copied: it holds what is drawn." : "The link to this page is copied.");
  } catch {
    say("The link is in the address bar.");
  }
});

// ---- Files

// A picture of a digit, or weights.
async function open(file) {
  if (!network) return;
  try {
    const photograph = await named(file);
    if (photograph || file.type.startsWith("image/")) await openImage(file, photograph);
    else await openWeights(file);
  } catch (error) {
    say(`${file.name || "The file"} is not read: ${error.message}.`);
  }
}

// What a photograph of a telephone is called, by its first bytes: browsers may have no type for it, and few decode it.
async function named(file) {
  const [, brands] = (await file.slice(4, 64).text()).match(/^ftyp((?:he[iv][cmsx]|mif[12]|msf1|avi[fs]).*)/s) ?? [];
  return brands && (/avi[fs]/.test(brands) ? "an AVIF picture" : "a HEIC photograph");
}

async function openImage(file, photograph) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  let picture;
  try {
    await image.decode();
    picture = small(image);
  } catch {
    if (photograph) throw new Error(`it is ${photograph}, which this browser can't read: save it as JPEG or PNG`);
    throw new Error("it is no image that this browser can read");
  } finally {
    URL.revokeObjectURL(image.src);
  }
  const digit = (await openPictures()).prepare(picture);
  paper.show(digit);
  choose({ digit });
}

// The pixels of an image, scaled down before anything else: a telephone's photographs have 12 million and more.
function small(image) {
  const factor = Math.min(1, Math.sqrt(PIXELS / (image.naturalWidth * image.naturalHeight)));
  const [width, height] = [image.naturalWidth, image.naturalHeight].map((length) => Math.max(1, Math.round(length * factor)));
  const context = canvas(width, height).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

let reader = null; // weights.wasm, once it is wanted

async function openWeights(file) {
  if (file.size > WEIGHTS) throw new Error(`it has ${number.format(file.size)} bytes, a LeNet's weights a few hundred thousand`);
  reader ??= await WebAssembly.compile(await get("weights.wasm"));
  const own = parametersIn(reader, new Uint8Array(await file.arrayBuffer()));
  changeNetwork(own, `The weights are now those of ${file.name}.`);
  $("shipped").hidden = false;
  $("origin").textContent = `from ${file.name}`;
  readDigits(own);
}

function changeNetwork(to, text) {
  network.open(to);
  parameters = to;
  pictures = pictures?.then((pictures) => (pictures.open(to), pictures));
  showFilters();
  showOff();
  if (current) ask();
  if (current?.drawing) rest();
  say(text);
}

$("shipped").addEventListener("click", async () => {
  changeNetwork(shipped(await get("reader.safetensors")), "The weights are the page's own again.");
  $("shipped").hidden = true;
  $("origin").textContent = "trained on MNIST, fonts and pens";
  $("own").querySelector("summary").focus();
  readDigits();
});

for (const id of ["image", "weights"]) {
  $(id).addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) open(file);
    event.target.value = "";
  });
}
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
for (const end of ["dragleave", "drop"]) addEventListener(end, () => document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) open(file);
});
addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) open(file);
});

// ---- Test digits

let digits = [];
let misreadShown = false;
let reading = null; // the network that is reading all of them

function showSamples(misread) {
  misreadShown = misread;
  $("random").setAttribute("aria-pressed", !misread);
  $("misread").setAttribute("aria-pressed", misread);
  const wrong = digits.filter(({ label, readAs }) => label !== readAs);
  const chosen = some(misread ? wrong : digits, SHOWN);
  $("samples-note").textContent = misread
    ? `${number.format(wrong.length)} of ${number.format(digits.length)} here are misread: what it is → what it was read as.`
    : `${number.format(chosen.length)} of ${number.format(digits.length)} digits that the network was not trained on.`;
  $("samples").replaceChildren(...chosen.map(thumbnail));
  $("samples").firstElementChild?.setAttribute("tabindex", 0);
}

function thumbnail(sample) {
  const { index, label, readAs } = sample;
  const wrong = label !== readAs;
  const caption = wrong ? `${label} → ${readAs}` : `${label}`;
  const button = element("button", {
    type: "button",
    tabIndex: -1,
    className: wrong ? "wrong" : "",
    label: `${caption}, test digit ${index}` + (wrong ? `, a ${label} that is read as ${readAs}` : ""),
  }, [canvas(28, 28), element("small", { textContent: caption })]);
  button.sample = sample;
  button.setAttribute("aria-current", current?.sample === sample);
  paint(button.firstElementChild, sample.pixels, colours.inked);
  button.addEventListener("click", () => chooseSample(sample));
  return button;
}

function chooseSample(sample) {
  paper.show(sample.pixels);
  choose({ sample });
}

function markChosen() {
  for (const button of $("samples").children) button.setAttribute("aria-current", button.sample === current?.sample);
}

// What the network in use reads them as: some at a time, so that the page goes on answering. `weights` are one's own.
async function readDigits(weights) {
  const own = weights && new Network(compiled, weights);
  reading = own;
  for (const [i, digit] of digits.entries()) {
    if (reading !== own) return;
    digit.readAs = own ? own.readDigit(digit.pixels).digit : digit.asShipped;
    if (own && i % 4 === 3) await new Promise((resolve) => setTimeout(resolve));
  }
  showSamples(misreadShown);
}

rove($("samples"), () => getComputedStyle($("samples")).gridTemplateColumns.split(" ").length);
$("random").addEventListener("click", () => showSamples(false));
$("misread").addEventListener("click", () => showSamples(true));

// ---- Start

function recolour() {
  readColours();
  const scale = $("scale");
  paint(scale, Uint8Array.from({ length: scale.width }, (_, i) => 1 + (254 * i) / (scale.width - 1)), colours.signed);
  for (const button of $("samples").children) paint(button.firstElementChild, button.sample.pixels, colours.inked);
  paper.repaint();
  if (network) showFilters();
  show();
}

dark.addEventListener("change", recolour);
new ResizeObserver(([{ contentRect: { width, height }, target }]) => {
  [target.width, target.height] = [DENSE * width, DENSE * height];
  if (answer) showWhy();
}).observe($("units"));
recolour();

try {
  const [reads, weights] = await Promise.all([get("reader.wasm"), get("reader.safetensors")]);
  compiled = await WebAssembly.compile(reads).catch((error) => {
    const old = "This browser can't run the network: it needs WebAssembly with SIMD, which browsers have since 2023";
    throw new Error(`${old} (${error.message})`);
  });
  parameters = shipped(weights);
  network = new Network(compiled, parameters);
  showFilters();
  say("Nothing is drawn yet.");
  digits = await unpack(await get("digits.bin"));
  for (const digit of digits) digit.asShipped = digit.readAs;
  showSamples(false);
  followLink();
} catch (error) {
  say(`${error.message}.`);
}
navigator.serviceWorker?.register("worker.js").catch(() => {}); // without it the page needs the network at each start
