// Sends what is drawn, or which sample was chosen, and shows what the network makes of it.

const $ = (id) => document.getElementById(id);
const paper = $("paper");
const ink = paper.getContext("2d");

// How each stage is laid out, at two pixels of canvas a pixel of screen: maps a row, pixels of canvas a unit, and between maps.
const LAYOUT = {
  input: { columns: 1, unit: 8, gap: 0, does: "" },
  C1: { columns: 2, unit: 4, gap: 8, does: "convolution 5×5", tanh: true },
  S2: { columns: 2, unit: 8, gap: 8, does: "sub-sampling 2×2", tanh: true },
  C3: { columns: 4, unit: 8, gap: 8, does: "convolution 5×5", tanh: true },
  S4: { columns: 4, unit: 16, gap: 8, does: "sub-sampling 2×2", tanh: true },
  C5: { columns: 8, unit: 20, gap: 2, does: "convolution 5×5", tanh: true },
  F6: { columns: 7, unit: 26, gap: 2, does: "full connection", tanh: true },
  output: { columns: 1, unit: 34, gap: 2, does: "full connection" },
};
const SAMPLES = 48;
const PEN = 22; // of 280: two pixels of 28, as in MNIST
const STEP = 10; // of the keyboard's pen
const PACE = 40; // milliseconds between two requests, at least

const number = new Intl.NumberFormat("en");
const percent = (share) => `${(100 * share).toFixed(share > 0.9995 ? 0 : 1)}\u00a0%`;
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const decode = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

// ---- Colours

const dark = matchMedia("(prefers-color-scheme: dark)");
let colours;

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const rgb = (name) => style.getPropertyValue(name).match(/\w\w/g).map((hex) => parseInt(hex, 16));
  const [minus, zero, plus] = [rgb("--minus"), rgb("--zero"), rgb("--plus")];
  const mix = (from, to, share) => from.map((channel, i) => channel + (to[i] - channel) * share);
  colours = {
    ink: rgb("--ink"),
    paper: rgb("--paper"),
    muted: style.getPropertyValue("--muted"),
    minus: style.getPropertyValue("--minus"),
    plus: style.getPropertyValue("--plus"),
    // For a byte: 1 is -1, 128 is 0, 255 is 1.
    signed: (byte) => mix(zero, byte < 128 ? minus : plus, Math.abs(byte - 128) / 127),
  };
  // For a byte: 0 is paper, 255 is ink.
  colours.inked = (byte) => mix(colours.paper, colours.ink, byte / 255);
}

// A canvas of one pixel a value.
function pixels(values, width, height, colour) {
  const picture = new ImageData(width, height);
  values.forEach((value, i) => picture.data.set([...colour(value), 255], 4 * i));
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}

// ---- What is asked, and the answer to it

let current = null; // { sample } or { file } or { drawing: true }: what is on the paper
let towards = null; // the class that was chosen
let answer = null;
let asked = null;
let asking = false;

async function ask() {
  asked = current;
  if (asking) return;
  asking = true;
  while (asked) {
    const about = asked;
    asked = null;
    try {
      await show(about, await fetchAnswer(about));
      await wait(PACE);
    } catch (error) {
      if (about !== current) continue;
      say(error.message);
      if (error.again) {
        await wait(1000);
        asked ??= current;
      }
    }
  }
  asking = false;
}

async function fetchAnswer(about) {
  const query = towards === null ? "" : `?towards=${towards}`;
  if (about.sample !== undefined) return json(`samples/${about.sample}${query}`);
  return json(`read${query}`, { method: "POST", body: about.file ?? (await drawing()) });
}

async function json(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const content = await response.json();
  if (response.ok) return content;
  const error = new Error(`Not read: ${content.error}.`);
  error.again = [429, 503].includes(response.status);
  throw error;
}

// The paper as a PNG, black on white whatever the colours on the screen.
function drawing() {
  const canvas = new OffscreenCanvas(paper.width, paper.height);
  const context = canvas.getContext("2d");
  context.drawImage(paper, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillRect(0, 0, paper.width, paper.height);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "white";
  context.fillRect(0, 0, paper.width, paper.height);
  return canvas.convertToBlob();
}

function show(about, content) {
  // The paper was cleared, or something else chosen.
  if (about !== current) return;
  answer = content;
  if (about.file) spread(decode(answer.prepared), 28);
  paint();
  const { sample, digit, probabilities } = answer;
  const second = ranked(probabilities)[1];
  const guess = `${digit}, ${percent(probabilities[digit])}`;
  if (sample) {
    const verdict = sample.label === digit ? "right" : "wrong";
    say(`Test digit ${number.format(sample.index)} is a ${sample.label}. Read as ${guess}: ${verdict}.`);
  } else {
    say(`Read as ${guess}; then ${second}, ${percent(probabilities[second])}.`);
  }
}

const ranked = (probabilities) =>
  probabilities.map((_, digit) => digit).sort((a, b) => probabilities[b] - probabilities[a]);

// At once for who sees it; for screen readers when the pen rests, lest they read out every stroke.
let toSay = 0;
function say(text) {
  $("said").textContent = text;
  clearTimeout(toSay);
  toSay = setTimeout(() => ($("spoken").textContent = text), 350);
}

// ---- Showing it

function paint() {
  paintScale();
  paintDigit();
  paintClasses();
  paintStages();
  paintWhy();
  document.body.dataset.digit = answer?.digit ?? "";
}

function paintScale() {
  const scale = $("scale");
  const values = Array.from({ length: scale.width }, (_, i) => 1 + (254 * i) / (scale.width - 1));
  scale.getContext("2d").drawImage(pixels(values, scale.width, 1, colours.signed), 0, 0);
}

function paintDigit() {
  const digit = $("digit");
  digit.textContent = answer?.digit ?? "?";
  digit.classList.toggle("empty", !answer);
  digit.classList.toggle("wrong", answer?.sample !== undefined && answer.sample.label !== answer.digit);
  const side = answer?.sample ? 32 : 28;
  const values = answer ? decode(answer.prepared ?? answer.sample.pixels) : new Uint8Array(side * side);
  const prepared = $("prepared");
  prepared.width = prepared.height = side;
  prepared.getContext("2d").drawImage(pixels(values, side, side, colours.inked), 0, 0);
  $("prepared-size").textContent = answer?.sample
    ? "28×28 in MNIST, here resized to 32×32"
    : "28×28, as the net sees it";
}

const classes = Array.from({ length: 10 }, (_, digit) => {
  const button = element("button", { type: "button" }, [
    element("span", { textContent: digit }),
    element("span", { className: "bar" }, [element("i")]),
    element("span", { className: "share" }),
  ]);
  button.addEventListener("click", () => {
    towards = towards === digit ? null : digit;
    if (current) ask();
  });
  $("classes").append(element("li", {}, [button]));
  return button;
});

function paintClasses() {
  classes.forEach((button, digit) => {
    const share = answer?.probabilities[digit] ?? 0;
    button.querySelector("i").style.transform = `scaleX(${share})`;
    button.querySelector(".share").textContent = answer ? percent(share) : "";
    button.classList.toggle("best", answer?.digit === digit);
    button.setAttribute("aria-pressed", answer?.why.towards === digit);
    button.setAttribute("aria-label", `${digit}: ${answer ? percent(share) : "no answer yet"}`);
  });
}

// Empty ones at first, so that nothing moves when an answer comes.
const blank = [
  ["input", [1, 32, 32], 0],
  ["C1", [6, 28, 28], 156],
  ["S2", [6, 14, 14], 12],
  ["C3", [16, 10, 10], 2416],
  ["S4", [16, 5, 5], 32],
  ["C5", [120], 48120],
  ["F6", [84], 10164],
  ["output", [10], 850],
].map(([name, shape, parameters]) => ({ name, shape, parameters, values: null }));

const stages = blank.map((stage) => {
  const canvas = element("canvas", { role: "img" });
  const item = element("li", {}, [
    element("h3", { textContent: stage.name === "input" ? "Input" : stage.name === "output" ? "Output" : stage.name }),
    element("p", { className: "shape" }),
    canvas,
  ]);
  item.dataset.stage = stage.name;
  $("stages").append(item);
  return canvas;
});

function paintStages() {
  (answer?.stages ?? blank).forEach((stage, i) => {
    const { columns, unit, gap, does, tanh } = LAYOUT[stage.name];
    const [maps, height, width] = stage.shape.length === 3 ? stage.shape : [...stage.shape, 1, 1];
    const size = stage.shape.length === 3 ? `${maps}@${height}×${width}` : `${maps} units`;
    const canvas = stages[i];
    const rows = Math.ceil(maps / columns);
    const digits = stage.name === "output" ? 40 : 0;
    canvas.width = columns * (width * unit + gap) - gap + digits;
    canvas.height = rows * (height * unit + gap) - gap;
    canvas.style.maxWidth = `${canvas.width / 2}px`;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    const values = stage.values ? decode(stage.values.bytes) : new Uint8Array(maps * width * height).fill(128);
    for (let map = 0; map < maps; map++) {
      const part = values.subarray(map * width * height, (map + 1) * width * height);
      const colour = does ? colours.signed : (byte) => colours.inked(2 * Math.max(byte - 128, 0));
      const left = (map % columns) * (width * unit + gap) + digits;
      const top = Math.floor(map / columns) * (height * unit + gap);
      context.drawImage(pixels(part, width, height, colour), left, top, width * unit, height * unit);
    }
    if (digits) {
      context.fillStyle = colours.muted;
      context.font = "24px system-ui, sans-serif";
      context.textBaseline = "middle";
      for (let digit = 0; digit < 10; digit++) context.fillText(digit, 8, digit * (unit + gap) + unit / 2 + 2);
    }
    const kind = stage.shape.length === 3 ? `${maps} ${maps === 1 ? "map" : "maps"} of ${height} by ${width}` : size;
    canvas.setAttribute("aria-label", answer ? `${stage.name}: ${kind}, ${summary(values)}` : `${stage.name}: ${kind}`);
    const lines = [size, `${number.format(stage.parameters)} parameters`, does, tanh ? "then tanh" : ""];
    if (!stage.parameters) lines.splice(1, 3, "0 to 1: paper to ink");
    const text = canvas.parentElement.querySelector(".shape");
    text.replaceChildren(...lines.flatMap((line) => [line, element("br")]));
  });
}

const summary = (values) => {
  const count = values.filter((value) => value > 128).length;
  return `${count} of ${values.length} above 0`;
};

function paintWhy() {
  $("reasons").hidden = !answer;
  if (!answer) {
    $("why-title").textContent = "Why not another?";
    $("why").textContent = "Draw a digit, or choose one; then choose a class in the list of probabilities.";
    return;
  }
  const { digit, why } = answer;
  $("why-title").textContent = `Why ${digit} and not ${why.towards}?`;
  const odds = Math.exp(why.margin);
  const ratio = odds < 1e6 ? number.format(Number(odds.toPrecision(2))) : "over a million";
  $("why").textContent =
    `The output of ${digit} leads that of ${why.towards} by ${why.margin.toFixed(2)}: odds of ${ratio} to 1. ` +
    "To compare with another class, choose it in the list of probabilities.";
  for (const id of ["ink-digit", "units-digit"]) $(id).textContent = digit;
  for (const id of ["ink-towards", "units-towards"]) $(id).textContent = why.towards;

  // The input, faint, and on each pixel a dot.
  const canvas = $("ink");
  const context = canvas.getContext("2d");
  const input = decode(answer.stages[0].values.bytes).map((byte) => (byte - 128) * 0.8);
  context.imageSmoothingEnabled = false;
  context.drawImage(pixels(input, 32, 32, colours.inked), 0, 0, canvas.width, canvas.height);
  const side = canvas.width / 32;
  decode(why.ink.bytes).forEach((byte, i) => {
    const radius = (side / 2) * Math.sqrt(Math.abs(byte - 128) / 127);
    if (radius < 1) return;
    context.fillStyle = byte < 128 ? colours.minus : colours.plus;
    context.beginPath();
    context.arc((i % 32 + 0.5) * side, (Math.floor(i / 32) + 0.5) * side, radius, 0, 2 * Math.PI);
    context.fill();
  });
  canvas.setAttribute("aria-label", `Where ink would speak for ${why.towards} and where for ${digit}`);

  const units = [...why.units].sort((a, b) => b - a);
  paintUnits(units);
  const sum = (keep) => units.filter(keep).reduce((a, b) => a + b, 0).toFixed(2);
  $("units").setAttribute(
    "aria-label",
    `Units of F6: together ${sum((u) => u > 0)} for ${digit}, ${sum((u) => u < 0)} for ${why.towards}, bias ${why.bias.toFixed(2)}`,
  );
}

function paintUnits(units) {
  const canvas = $("units");
  const context = canvas.getContext("2d");
  canvas.width = 2 * canvas.clientWidth;
  canvas.height = 2 * canvas.clientHeight;
  const [high, low] = [Math.max(units[0], 0), Math.min(units.at(-1), 0)];
  const [top, bottom, left] = [28, canvas.height - 28, 88];
  const y = (value) => top + ((high - value) / (high - low || 1)) * (bottom - top);
  context.font = "24px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillStyle = colours.muted;
  for (const value of new Set([high, 0, low])) {
    if (value === 0 || Math.abs(y(value) - y(0)) > 24) context.fillText(signed(value), left - 12, y(value));
  }
  context.fillRect(left, y(0) - 1, canvas.width - left - 16, 2);
  const width = (canvas.width - left - 16) / units.length;
  units.forEach((value, i) => {
    context.fillStyle = value > 0 ? colours.minus : colours.plus;
    context.fillRect(left + i * width + 1, Math.min(y(value), y(0)), width - 2, Math.abs(y(value) - y(0)));
  });
}

const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(value ? 2 : 0);

// ---- Drawing

let pointer = null;
let last = null;

function place(event) {
  const box = paper.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  return [(x * paper.width) / box.width, (y * paper.height) / box.height];
}

function stroke(from, to) {
  ink.strokeStyle = ink.fillStyle = `rgb(${colours.ink})`;
  ink.lineWidth = PEN;
  ink.lineCap = ink.lineJoin = "round";
  ink.beginPath();
  ink.moveTo(...from);
  ink.lineTo(...to);
  ink.stroke();
  // A line of no length is not drawn.
  ink.beginPath();
  ink.arc(...to, PEN / 2, 0, 2 * Math.PI);
  ink.fill();
  $("hint").hidden = true;
  choose({ drawing: true });
}

paper.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button !== 0) return;
  event.preventDefault();
  paper.focus({ focusVisible: false });
  hidePen();
  pointer = event.pointerId;
  paper.setPointerCapture(pointer);
  last = place(event);
  stroke(last, last);
});
paper.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  for (const step of event.getCoalescedEvents?.() ?? [event]) {
    const to = place(step);
    stroke(last, to);
    last = to;
  }
});
for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
  paper.addEventListener(end, (event) => {
    if (event.pointerId === pointer) pointer = null;
  });
}

// With the keyboard: a pen that is seen.
const pen = element("span", { id: "pen", hidden: true });
paper.after(pen);
let tip = [paper.width / 2, paper.height / 4];
let down = false;

function showPen() {
  pen.hidden = false;
  pen.classList.toggle("down", down);
  pen.style.left = `${(100 * tip[0]) / paper.width}%`;
  pen.style.top = `${(100 * tip[1]) / paper.height}%`;
}
function hidePen() {
  pen.hidden = true;
  down = false;
}

paper.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (direction) {
    const step = STEP * (event.shiftKey ? 4 : 1);
    const keep = (value, size) => Math.min(Math.max(value, PEN), size - PEN);
    const to = [keep(tip[0] + step * direction[0], paper.width), keep(tip[1] + step * direction[1], paper.height)];
    if (down) stroke(tip, to);
    tip = to;
  } else if (event.key === " ") {
    down = !down;
    if (down) stroke(tip, tip);
  } else if (event.key === "Delete" || event.key === "Backspace") {
    clear();
  } else return;
  event.preventDefault();
  showPen();
});
paper.addEventListener("focus", () => paper.matches(":focus-visible") && showPen());
paper.addEventListener("blur", hidePen);

// Shows a square of bytes on the paper.
function spread(values, side) {
  ink.clearRect(0, 0, paper.width, paper.height);
  const picture = new ImageData(side, side);
  values.forEach((value, i) => picture.data.set([...colours.ink, value], 4 * i));
  const canvas = new OffscreenCanvas(side, side);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  ink.drawImage(canvas, 0, 0, paper.width, paper.height);
  $("hint").hidden = true;
}

function choose(what) {
  if (!what.drawing || !current?.drawing) {
    if (!what.drawing) towards = null;
    current = what;
    for (const button of $("samples").children) {
      button.setAttribute("aria-current", Number(button.dataset.index) === what.sample);
    }
  }
  ask();
}

function clear() {
  ink.clearRect(0, 0, paper.width, paper.height);
  current = asked = answer = towards = null;
  for (const button of $("samples").children) button.setAttribute("aria-current", false);
  $("hint").hidden = false;
  paint();
  say("Nothing is drawn yet.");
}

$("clear").addEventListener("click", clear);
$("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file) choose({ file });
});

// ---- Test digits

let known = null; // how many there are, and which are misread

async function showSamples(misread) {
  $("random").setAttribute("aria-pressed", !misread);
  $("misread").setAttribute("aria-pressed", misread);
  try {
    known ??= await json("samples/misread");
    const of = misread ? known.misread : Array.from({ length: known.samples }, (_, i) => i);
    const chosen = new Set();
    while (chosen.size < Math.min(SAMPLES, of.length)) chosen.add(of[Math.floor(Math.random() * of.length)]);
    const samples = chosen.size ? await json(`samples?at=${[...chosen]}`) : [];
    $("samples-note").textContent = misread
      ? `${number.format(known.misread.length)} of ${number.format(known.samples)} are misread: what it is → what it was read as.`
      : `${number.format(known.samples)} digits that the net was not trained on: ${samples.length} of them.`;
    $("samples").replaceChildren(...samples.map(thumbnail));
    $("samples").firstElementChild?.setAttribute("tabindex", 0);
  } catch (error) {
    $("samples-note").textContent = error.message;
  }
}

function thumbnail(sample) {
  const { index, label, read_as } = sample;
  const canvas = element("canvas", { width: 32, height: 32 });
  const wrong = label !== read_as;
  const button = element("button", { type: "button", tabIndex: -1, className: wrong ? "wrong" : "" }, [
    canvas,
    element("small", { textContent: wrong ? `${label} → ${read_as}` : label }),
  ]);
  button.dataset.index = index;
  button.setAttribute("aria-current", current?.sample === index);
  button.setAttribute("aria-label", `Test digit ${index}, a ${label}` + (wrong ? `, read as ${read_as}` : ""));
  button.sample = sample;
  paintThumbnail(button);
  button.addEventListener("click", () => {
    spread(decode(sample.pixels), 32);
    choose({ sample: index });
    rove(button);
  });
  return button;
}

function paintThumbnail(button) {
  const picture = pixels(decode(button.sample.pixels), 32, 32, colours.inked);
  button.querySelector("canvas").getContext("2d").drawImage(picture, 0, 0);
}

// One of them is reached by Tab, the others by arrow keys from there.
function rove(button) {
  for (const other of $("samples").children) other.tabIndex = other === button ? 0 : -1;
}

$("samples").addEventListener("keydown", (event) => {
  const buttons = [...$("samples").children].filter((button) => button.offsetParent);
  const columns = getComputedStyle($("samples")).gridTemplateColumns.split(" ").length;
  const at = buttons.indexOf(document.activeElement);
  const to = {
    ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: buttons.length - 1,
  }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  if (!buttons[to]) return;
  rove(buttons[to]);
  buttons[to].focus();
});

$("random").addEventListener("click", () => showSamples(false));
$("misread").addEventListener("click", () => showSamples(true));

function element(name, properties = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

dark.addEventListener("change", () => {
  readColours();
  ink.globalCompositeOperation = "source-in";
  ink.fillStyle = `rgb(${colours.ink})`;
  ink.fillRect(0, 0, paper.width, paper.height);
  ink.globalCompositeOperation = "source-over";
  for (const button of $("samples").children) paintThumbnail(button);
  paint();
});

new ResizeObserver(() => answer && paintWhy()).observe($("units"));

readColours();
paint();
showSamples(false);
