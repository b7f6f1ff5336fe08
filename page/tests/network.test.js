// The modules in Node. scripts/check-page runs this, with what the library computes natively in target/logits.bin.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { LAYERS, parametersIn, Pictures } from "../static/network.js";
import { built, file, network, parameters, testSet } from "./files.js";
import { pack, read } from "./make-digits.js";

const digits = testSet();
const answers = read();
const weights = new WebAssembly.Module(built("weights.wasm"));

test("gives the logits that the library gives natively, bit for bit, over MNIST's test images", () => {
  const bytes = file("target/logits.bin");
  const native = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  assert.equal(native.length, 10 * digits.length);
  for (const { index, answer } of answers) {
    const expected = native.subarray(10 * index, 10 * (index + 1));
    assert.deepEqual(answer.stages.at(-1), expected, `test digit ${index}`);
    assert.equal(answer.digit, expected.indexOf(Math.max(...expected)));
  }
  const right = answers.filter(({ label, answer }) => label === answer.digit).length;
  assert.equal(right, 9935, "as the weights say of themselves");
});

// The network in double precision, as the formulas have it.
function reference(image, parameters) {
  let [start, input, inputs, wide, logits] = [0, image, 1, 32, null];
  const take = (count) => parameters.subarray(start, (start += count));
  for (const { maps, side, name, parameters: count } of LAYERS) {
    const [weight, bias] = [take(count - maps), take(maps)];
    const average = name === "S2" || name === "S4";
    const linear = name === "F6" || name === "output";
    const output = [];
    for (let map = 0; map < maps; map++) {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          let sum = 0;
          const at = (i, row, column) => input[(i * wide + row) * wide + column];
          if (average) {
            for (const [dy, dx] of [[0, 0], [0, 1], [1, 0], [1, 1]]) sum += at(map, 2 * y + dy, 2 * x + dx);
            sum *= weight[map] / 4;
          } else if (linear) {
            for (let i = 0; i < inputs; i++) sum += weight[map * inputs + i] * input[i];
          } else {
            for (let i = 0; i < inputs; i++) {
              for (let k = 0; k < 25; k++) {
                const [ky, kx] = [Math.floor(k / 5), k % 5];
                sum += weight[(map * inputs + i) * 25 + k] * at(i, y + ky, x + kx);
              }
            }
          }
          output.push(name === "output" ? sum + bias[map] : Math.tanh(sum + bias[map]));
        }
      }
    }
    [input, inputs, wide, logits] = [output, maps, side, output];
  }
  return logits;
}

const numbers = () => Float64Array.from(new Float32Array(parameters().buffer));
const inputOf = (answer) => Float64Array.from(answer.input, (byte) => byte / 255);

test("says why: the lead is the sum of its parts, and ink changes it as the gradient says", () => {
  const reader = network();
  const all = numbers();
  for (const { pixels } of digits.slice(0, 3)) {
    const answer = reader.readDigit(pixels);
    const logits = answer.stages.at(-1);
    for (const towards of [0, 1, 2].map((i) => (answer.digit + 1 + 3 * i) % 10)) {
      const { ink, units, bias } = reader.explain(answer.digit, towards);
      const sum = units.reduce((a, b) => a + b, 0) + bias;
      assert.ok(Math.abs(sum - (logits[answer.digit] - logits[towards])) < 1e-4);
      const lead = (image) => {
        const logits = reference(image, all);
        return logits[answer.digit] - logits[towards];
      };
      for (const place of [5 * 32 + 9, 12 * 32 + 20, 16 * 32 + 16, 27 * 32 + 11]) {
        const [less, more] = [-1e-4, 1e-4].map((step) => {
          const image = inputOf(answer);
          image[place] += step;
          return lead(image);
        });
        const expected = (more - less) / 2e-4;
        // The module computes in f32, the reference's difference is right to 1e-7.
        assert.ok(Math.abs(ink[place] - expected) < 2e-5 * Math.max(1, Math.abs(expected)), `${place}: ${ink[place]} ${expected}`);
      }
    }
  }
});

test("a map that is off gives nothing, and the answer is that of the network without it", () => {
  const reader = network();
  const { pixels } = digits[0];
  const before = reader.readDigit(pixels);
  const all = numbers();
  for (const [layer, map, start, each, bias] of [[0, 2, 0, 25, 150], [3, 7, 156 + 12 + 2416, 1, 156 + 12 + 2416 + 16]]) {
    reader.switchMap(layer, map, false);
    const { stages, probabilities, whole } = reader.readDigit(pixels);
    const { side } = LAYERS[layer];
    assert.ok(stages[layer].subarray(map * side * side, (map + 1) * side * side).every((value) => value === 0));
    assert.notDeepEqual(probabilities, before.probabilities);
    assert.deepEqual(whole.probabilities, before.probabilities);
    const cut = all.slice();
    cut.fill(0, start + map * each, start + (map + 1) * each);
    cut[bias + map] = 0;
    const expected = reference(inputOf(before), cut);
    stages.at(-1).forEach((logit, i) => assert.ok(Math.abs(logit - expected[i]) < 2e-5, `${logit} ${expected[i]}`));
    reader.switchMap(layer, map, true);
    assert.deepEqual(reader.readDigit(pixels).probabilities, before.probabilities);
  }
  for (const [layer, map] of [[0, 6], [6, 0], [7, 0], [-1, 0]]) {
    assert.throws(() => reader.switchMap(layer, map, false), /one of C1 to F6/);
  }
  assert.deepEqual(reader.off, []);
});

test("reads weights of every form as the shipped ones, and refuses what is none", () => {
  const good = built("reader.safetensors");
  assert.deepEqual(parametersIn(weights, good), parameters());
  const golden = ["lenet.pt", "lenet.pdparams"].map((name) => file(`tests/golden/weights/${name}`));
  for (const form of golden) assert.equal(parametersIn(weights, form).length, 4 * 61750);
  const [pickled] = golden;
  const header = { "con_sam.0.weight": { dtype: "F32", shape: [6, 1, 5, 5], data_offsets: [0, 600] } };
  const lie = Buffer.concat([Buffer.from(BigUint64Array.of(2n ** 63n).buffer), Buffer.from(JSON.stringify(header))]);
  const nan = Buffer.from(good);
  nan.writeUInt32LE(0x7fc00000, good.length - 4);
  for (const bad of [Buffer.alloc(0), Buffer.from("hello"), good.subarray(0, 1000), good.subarray(0, -1), lie, nan, pickled.subarray(0, 4000)]) {
    assert.throws(() => parametersIn(weights, bad), (error) => error.constructor === Error && error.message.length > 10);
  }
});

test("goes on after what it refuses, and after a trap", () => {
  const reader = network();
  const { pixels, label } = digits[0];
  const blank = { ink: new Uint8Array(50 * 50), width: 50, height: 50 };
  assert.throws(() => reader.readDrawing(blank), /blank|nothing|ink/);
  assert.throws(() => reader.readDrawing({ ...blank, width: 51 }), /51x50 bytes/);
  assert.throws(() => reader.readDigit(pixels.subarray(1)), /28x28/);
  assert.throws(() => reader.open(parameters().subarray(4, 4 * 61750)), /61750/);
  const infinite = parameters();
  infinite.set([0, 0, 0x80, 0x7f], 0);
  assert.throws(() => reader.open(infinite), /added up/);
  reader.switchMap(0, 1, false);
  const before = reader.readDigit(pixels);
  // More than a 32-bit memory has: the module traps, and another takes its place.
  const huge = { length: 2 ** 32 - 1 };
  assert.throws(() => reader.readDrawing({ ink: huge, width: 1, height: 1 }), /too much/);
  assert.deepEqual(reader.readDigit(pixels), before);
  assert.deepEqual(reader.off, [[0, 1]]);
  reader.switchMap(0, 1, true);
  assert.equal(reader.readDigit(pixels).digit, label);
});

// Digits of the test set side by side: black on white, RGBA.
function drawn(samples) {
  const [width, height] = [40 * samples.length, 40];
  const data = new Uint8Array(4 * width * height).fill(255);
  samples.forEach(({ pixels }, i) => pixels.forEach((ink, at) => {
    const place = 4 * ((6 + Math.floor(at / 28)) * width + 40 * i + 6 + (at % 28));
    data.fill(255 - ink, place, place + 3);
  }));
  return { data, width, height };
}

test("finds one digit in a picture, and reads several", () => {
  const [pictures, reader] = [new Pictures(new WebAssembly.Module(built("pictures.wasm")), parameters()), network()];
  const row = [0, 1, 2, 4].map((i) => digits[i]);
  const found = pictures.read(drawn(row));
  assert.deepEqual(found.map(({ digit }) => digit), row.map(({ label }) => label));
  found.forEach(({ left, width, probability }, i) => {
    assert.ok(left >= 40 * i && left + width <= 40 * (i + 1) && probability > 0.5);
  });
  // The same digit as a picture, and as a drawing whose ink is known.
  const [sample] = row;
  const { data, width, height } = drawn([sample]);
  const ink = Uint8Array.from({ length: width * height }, (_, i) => 255 - data[4 * i]);
  assert.equal(reader.readDigit(pictures.prepare({ data, width, height })).digit, sample.label);
  assert.equal(reader.readDrawing({ ink, width, height }).digit, sample.label);
  const blank = { data: new Uint8Array(4 * 50 * 50).fill(255), width: 50, height: 50 };
  for (const step of ["prepare", "read"]) {
    assert.throws(() => pictures[step](blank), /blank|nothing|ink/);
    assert.throws(() => pictures[step]({ ...blank, width: 51 }), /RGBA of 51x50/);
    assert.throws(() => pictures[step]({ ...blank, data: { length: 2 ** 32 - 1 } }), /too much/);
  }
  assert.deepEqual(pictures.read(drawn(row)), found);
});

test("the page's digits are those that the shipped weights misread, and the first of the others", () => {
  const committed = gunzipSync(file("page/static/digits.bin"));
  assert.ok(Buffer.from(pack(answers)).equals(committed), "run: node page/tests/make-digits.js");
});

test("what the page waits for is small", () => {
  const files = ["reader.wasm", "reader.safetensors"].map(built);
  const [raw, sent] = [files, files.map((file) => gzipSync(file))].map((all) => all.reduce((sum, { length }) => sum + length, 0));
  assert.ok(raw < 455_000 && sent < 350_000, `${raw}, ${sent} compressed`);
});
