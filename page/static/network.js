// The network: three WebAssembly modules. In the page and in Node alike.

// As src/network/layers.rs has them. A side of 1 is a single number a map.
export const LAYERS = [
  { name: "C1", key: "con_sam.0", maps: 6, side: 28, parameters: 156 },
  { name: "S2", key: "con_sam.2", maps: 6, side: 14, parameters: 12 },
  { name: "C3", key: "con_sam.4", maps: 16, side: 10, parameters: 2416 },
  { name: "S4", key: "con_sam.6", maps: 16, side: 5, parameters: 32 },
  { name: "C5", key: "con_sam.8", maps: 120, side: 1, parameters: 48120 },
  { name: "F6", key: "fc.0", maps: 84, side: 1, parameters: 10164 },
  { name: "output", key: "fc.2", maps: 10, side: 1, parameters: 850 },
];
const PARAMETERS = LAYERS.reduce((sum, layer) => sum + layer.parameters, 0);

// A module, and how bytes go in and come out. `Instance` keeps none of its memory: what is given out is copied.
class Instance {
  #compiled;
  #exports;

  constructor(compiled) {
    this.#compiled = compiled;
    this.restart();
  }

  restart() {
    this.#exports = new WebAssembly.Instance(this.#compiled).exports;
  }

  write(bytes) {
    const place = this.#exports.room(bytes.length);
    new Uint8Array(this.#exports.memory.buffer, place, bytes.length).set(bytes);
  }

  // Calls a function that tells whether it succeeded.
  step(name, ...values) {
    if (this.#exports[name](...values)) return;
    const text = this.#copy(Uint8Array, this.#exports.text(), this.#exports.text_length());
    throw new Error(new TextDecoder().decode(text));
  }

  bytes(name, length) {
    return this.#copy(Uint8Array, this.#exports[name](), length);
  }

  floats(name, length, ...values) {
    return this.#copy(Float32Array, this.#exports[name](...values), length);
  }

  number(name) {
    return this.#exports[name]();
  }

  #copy(Type, place, length) {
    return new Type(this.#exports.memory.buffer, place, length).slice();
  }
}

export class Network {
  #instance;
  #parameters;
  #off = new Map(); // by "layer map"

  // `compiled` is reader.wasm; `parameters` are those that `shipped` or `Weights` gives.
  constructor(compiled, parameters) {
    this.#instance = new Instance(compiled);
    this.open(parameters);
  }

  // Other weights; where they are refused, those that were there stay. All maps are on afterwards.
  open(parameters) {
    this.#try(() => this.#start(parameters));
    this.#parameters = parameters;
    this.#off.clear();
  }

  // Reads a digit in a drawing: how much ink each pixel has, 0 to 255.
  readDrawing({ ink, width, height }) {
    this.#try(() => {
      this.#instance.write(ink);
      this.#instance.step("read_drawing", width, height);
    });
    return this.#answer();
  }

  // Reads 28x28 bytes as MNIST has them: 255 is ink.
  readDigit(bytes) {
    this.#try(() => {
      this.#instance.write(bytes);
      this.#instance.step("read_digit");
    });
    return this.#answer();
  }

  #answer() {
    const probabilities = this.#instance.floats("probabilities", 10);
    const whole = this.#instance.floats("whole_probabilities", 10);
    return {
      digit: best(probabilities),
      probabilities,
      // How likely it is none; NaN where the weights do not tell.
      noDigit: this.#instance.number("no_digit"),
      // With all maps on.
      whole: { digit: best(whole), probabilities: whole },
      prepared: this.#instance.bytes("digit", 28 * 28),
      input: this.#instance.bytes("input", 32 * 32),
      stages: LAYERS.map(({ maps, side }, i) => this.#instance.floats("output", maps * side * side, i)),
    };
  }

  // Why what was read last is a `digit` and not a `towards`.
  explain(digit, towards) {
    this.#instance.step("explain", digit, towards);
    return {
      ink: this.#instance.floats("ink", 32 * 32),
      units: this.#instance.floats("units", 84),
      bias: this.#instance.number("bias"),
    };
  }

  // Switches a map off or on, from the next reading on.
  switchMap(layer, map, on) {
    this.#try(() => this.#instance.step("switch_map", layer, map, on));
    if (on) this.#off.delete(`${layer} ${map}`);
    else this.#off.set(`${layer} ${map}`, [layer, map]);
  }

  get off() {
    return [...this.#off.values()];
  }

  get filters() {
    return this.#instance.floats("filters", 6 * 25);
  }

  #start(parameters) {
    this.#instance.write(parameters);
    this.#instance.step("start");
  }

  // A module that has trapped is not to be trusted any more: another takes its place.
  #try(action) {
    try {
      action();
    } catch (error) {
      if (!trapped(error)) throw error;
      this.#instance.restart();
      if (this.#parameters) this.#start(this.#parameters);
      for (const [layer, map] of this.off) this.#instance.step("switch_map", layer, map, false);
      throw new Error("this is too much for the network");
    }
  }
}

// What finds digits in pictures: `ImageData`, or the like of it.
export class Pictures {
  #instance;
  #parameters;

  // `compiled` is pictures.wasm.
  constructor(compiled, parameters) {
    this.#instance = new Instance(compiled);
    this.open(parameters);
  }

  // Other weights, which the network has taken.
  open(parameters) {
    this.#instance.write(parameters);
    this.#instance.step("start");
    this.#parameters = parameters;
  }

  // The one digit of a picture: 28x28 bytes.
  prepare(picture) {
    this.#show(picture, "prepare");
    return this.#instance.bytes("digit", 28 * 28);
  }

  // All digits of a picture, line by line.
  read(picture) {
    this.#show(picture, "read");
    const numbers = this.#instance.floats("readings", this.#instance.number("readings_length"));
    return Array.from({ length: numbers.length / 6 }, (_, i) => {
      const [digit, probability, left, top, width, height] = numbers.subarray(6 * i, 6 * (i + 1));
      return { digit, probability, left, top, width, height };
    });
  }

  #show({ data, width, height }, step) {
    try {
      this.#instance.write(data);
      this.#instance.step(step, width, height);
    } catch (error) {
      if (!trapped(error)) throw error;
      this.#instance.restart();
      this.open(this.#parameters);
      throw new Error("this is too much for the network");
    }
  }
}

// Whether a module has trapped, for want of memory say.
const trapped = (error) => error instanceof WebAssembly.RuntimeError || error instanceof RangeError;

const best = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

// The parameters in a file of weights of any form, and its calibration: what weights.wasm reads of it.
export function parametersIn(compiled, file) {
  const instance = new Instance(compiled);
  try {
    instance.write(file);
    instance.step("read");
  } catch (error) {
    if (!trapped(error)) throw error;
    throw new Error("this is too much for the module that reads weights");
  }
  return instance.bytes("values", 4 * instance.number("values_length"));
}

// The same for a safetensors file that is known to be good: the one that comes with the page. It needs no module. After the
// parameters come the temperature, and the numbers that tell what is no digit.
export function shipped(file) {
  const start = 8 + Number(new DataView(file).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, start - 8)));
  const { temperature = "1", no_digit: noDigit = "" } = header.__metadata__ ?? {};
  const calibration = Float32Array.from(`${temperature} ${noDigit}`.trim().split(/\s+/), Number);
  const parameters = new Uint8Array(4 * PARAMETERS + calibration.byteLength);
  parameters.set(new Uint8Array(calibration.buffer), 4 * PARAMETERS);
  let place = 0;
  for (const { key } of LAYERS) {
    for (const name of [`${key}.weight`, `${key}.bias`]) {
      const [from, to] = header[name].data_offsets;
      parameters.set(new Uint8Array(file, start + from, to - from), place);
      place += to - from;
    }
  }
  return parameters;
}
