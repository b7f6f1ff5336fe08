// What is drawn: by mouse, pen, finger or keys, on a canvas that is looked at and on a sheet that the network reads.

import { canvas, colours, element, paint } from "./pictures.js";

const SIDE = 256; // of the paper, in its own units: a coordinate is a byte of a link
const SHEET = 128; // pixels across of what the network is given: it needs 20 of them for the digit
const PEN = 20; // two pixels of 28, as in MNIST
const STEP = 9; // of the keyboard's pen
const NEAR = 3; // points that are no farther apart add nothing
const LONGEST = 255; // points of a stroke: a byte of a link

export class Paper {
  #shown;
  #sheet;
  #underlay = null; // 28x28 bytes that are drawn on
  #strokes = []; // each [x, y, x, y, …]
  #frames = element("div", { id: "frames" });
  #changed;
  #cleared;

  // `changed` is called when something was drawn, `cleared` when Delete was pressed.
  constructor(shown, changed, cleared) {
    [this.#changed, this.#cleared] = [changed, cleared];
    this.#shown = shown.getContext("2d");
    this.#sheet = canvas(SHEET, SHEET).getContext("2d", { willReadFrequently: true });
    for (const context of [this.#shown, this.#sheet]) {
      context.scale(context.canvas.width / SIDE, context.canvas.width / SIDE);
      Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    }
    shown.after(this.#frames);
    this.#listenToPointers(shown);
    this.#listenToKeys(shown);
    this.clear();
  }

  // As a picture: black on white, whatever the colours on the screen.
  get picture() {
    return this.#sheet.getImageData(0, 0, SHEET, SHEET);
  }

  // How much ink each pixel of a part has: the whole, where nothing is said.
  ink({ left, top, width, height } = { left: 0, top: 0, width: SHEET, height: SHEET }) {
    const { data } = this.#sheet.getImageData(left, top, width, height);
    return { ink: Uint8Array.from({ length: width * height }, (_, i) => 255 - data[4 * i]), width, height };
  }

  // Frames parts of the picture; the one that is `chosen` stands out.
  frame(parts, chosen) {
    this.#frames.replaceChildren(...parts.map((part, i) => {
      const frame = element("span", { className: i === chosen ? "chosen" : "" });
      for (const [side, length] of [["left", part.left], ["top", part.top], ["width", part.width], ["height", part.height]]) {
        frame.style[side] = `${(100 * length) / SHEET}%`;
      }
      return frame;
    }));
  }

  clear() {
    [this.#underlay, this.#strokes] = [null, []];
    this.repaint();
  }

  // Shows a digit of 28x28 bytes, to be drawn on.
  show(digit) {
    [this.#underlay, this.#strokes] = [digit, []];
    this.repaint();
  }

  repaint() {
    this.#shown.clearRect(0, 0, SIDE, SIDE);
    this.#sheet.fillStyle = "white";
    this.#sheet.fillRect(0, 0, SIDE, SIDE);
    if (this.#underlay) {
      const small = canvas(28, 28);
      paint(small, this.#underlay, colours.veil);
      this.#shown.drawImage(small, 0, 0, SIDE, SIDE);
      paint(small, this.#underlay, Uint32Array.from({ length: 256 }, (_, byte) => byte * 2 ** 24));
      this.#sheet.drawImage(small, 0, 0, SIDE, SIDE);
    }
    for (const stroke of this.#strokes) {
      for (let i = 0; i < stroke.length; i += 2) this.#line(stroke, i);
    }
  }

  // The strokes as text for a link; nothing where something lies under them that a link can't hold.
  get link() {
    if (this.#underlay || !this.#strokes.length) return "";
    const bytes = this.#strokes.flatMap((stroke) => [stroke.length / 2, ...stroke]);
    const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  // Draws what a link holds; tells whether it holds anything.
  draw(link) {
    let text;
    try {
      text = atob(link.replaceAll("-", "+").replaceAll("_", "/"));
    } catch {
      return false;
    }
    const bytes = Array.from(text, (character) => character.charCodeAt(0));
    const strokes = [];
    while (bytes.length) {
      const [points, ...stroke] = bytes.splice(0, 1 + 2 * bytes[0]);
      if (!points || stroke.length !== 2 * points) return false;
      strokes.push(stroke);
    }
    if (!strokes.length) return false;
    [this.#underlay, this.#strokes] = [null, strokes];
    this.repaint();
    return true;
  }

  // From the point before to the one at `i`.
  #line(stroke, i) {
    const from = Math.max(i - 2, 0);
    this.#shown.strokeStyle = colours.ink;
    this.#sheet.strokeStyle = "black";
    for (const context of [this.#shown, this.#sheet]) {
      context.beginPath();
      context.moveTo(stroke[from], stroke[from + 1]);
      // A line of no length is not drawn everywhere.
      context.lineTo(stroke[i] + (i ? 0 : 0.01), stroke[i + 1]);
      context.stroke();
    }
  }

  #start(point) {
    this.#strokes.push([...point]);
    this.#line(this.#strokes.at(-1), 0);
  }

  #continue(point) {
    let stroke = this.#strokes.at(-1);
    const last = stroke.slice(-2);
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) < NEAR) return;
    if (stroke.length === 2 * LONGEST) this.#strokes.push((stroke = last));
    stroke.push(...point);
    this.#line(stroke, stroke.length - 2);
  }

  #listenToPointers(shown) {
    let [pointer, box] = [null, null];
    const place = (event) => {
      const along = (from, start, length) => Math.round(Math.max(0, Math.min(1, (from - start) / length)) * (SIDE - 1));
      return [along(event.clientX, box.left, box.width), along(event.clientY, box.top, box.height)];
    };
    shown.addEventListener("pointerdown", (event) => {
      if (pointer !== null || event.button !== 0) return;
      event.preventDefault();
      shown.focus({ focusVisible: false });
      this.#hidePen();
      pointer = event.pointerId;
      box = shown.getBoundingClientRect();
      shown.setPointerCapture(pointer);
      this.#start(place(event));
      this.#changed();
    });
    shown.addEventListener("pointermove", (event) => {
      // A link may have replaced what was being drawn.
      if (event.pointerId !== pointer || !this.#strokes.length) return;
      const steps = event.getCoalescedEvents?.() ?? [];
      for (const step of steps.length ? steps : [event]) this.#continue(place(step));
      this.#changed();
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      shown.addEventListener(end, (event) => {
        if (event.pointerId === pointer) pointer = null;
      });
    }
  }

  // With the keyboard: a pen that is seen.
  #pen = element("span", { id: "pen", hidden: true });
  #tip = [SIDE / 2, SIDE / 4];
  #down = false;

  #listenToKeys(shown) {
    shown.after(this.#pen);
    shown.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (direction) {
        const step = STEP * (event.shiftKey ? 4 : 1);
        this.#tip = this.#tip.map((value, i) => Math.min(Math.max(value + step * direction[i], PEN), SIDE - PEN));
        if (this.#down) this.#continue(this.#tip);
      } else if (event.key === " ") {
        this.#down = !this.#down;
        if (this.#down) this.#start(this.#tip);
      } else if (event.key === "Delete" || event.key === "Backspace") {
        this.#down = false;
        this.#cleared();
      } else return;
      event.preventDefault();
      this.#showPen();
      if (this.#down) this.#changed();
    });
    shown.addEventListener("focus", () => shown.matches(":focus-visible") && this.#showPen());
    shown.addEventListener("blur", () => this.#hidePen());
  }

  #showPen() {
    this.#pen.hidden = false;
    this.#pen.classList.toggle("down", this.#down);
    this.#pen.style.left = `${(100 * this.#tip[0]) / SIDE}%`;
    this.#pen.style.top = `${(100 * this.#tip[1]) / SIDE}%`;
  }

  #hidePen() {
    this.#pen.hidden = true;
    this.#down = false;
  }
}
