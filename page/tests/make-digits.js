// Writes static/digits.bin: all test digits that the shipped weights misread, and the first ones that they read, 640 in all.
// After scripts/page: node page/tests/make-digits.js

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { network, testSet } from "./files.js";

const COUNT = 640;

// What the shipped weights read each digit of the test set as; it takes half a minute.
export function read() {
  const reader = network();
  return testSet().map((digit) => ({ ...digit, answer: reader.readDigit(digit.pixels) }));
}

export function pack(all) {
  const [right, wrong] = [true, false].map((is) => all.filter(({ label, answer }) => (label === answer.digit) === is));
  const chosen = [...wrong, ...right.slice(0, COUNT - wrong.length)].sort((a, b) => a.index - b.index);
  const record = ({ index, label, answer, pixels }) => [index % 256, Math.floor(index / 256), label, answer.digit, ...pixels];
  return Uint8Array.from(chosen.flatMap(record));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(new URL("../static/digits.bin", import.meta.url), gzipSync(pack(read()), { level: 9 }));
}
