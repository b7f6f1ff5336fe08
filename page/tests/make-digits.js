// Writes static/digits.bin: all test digits that the shipped weights misread, and the first ones that they read, 640 in all.
// After scripts/page: node page/tests/make-digits.js

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { network, testSet } from "./files.js";

const COUNT = 640;

export function make() {
  const reader = network();
  const all = testSet().map((digit) => ({ ...digit, readAs: reader.readDigit(digit.pixels).digit }));
  const wrong = all.filter(({ label, readAs }) => label !== readAs);
  const right = all.filter(({ label, readAs }) => label === readAs).slice(0, COUNT - wrong.length);
  const chosen = [...wrong, ...right].sort((a, b) => a.index - b.index);
  const records = chosen.map(({ index, label, readAs, pixels }) => [index % 256, Math.floor(index / 256), label, readAs, ...pixels]);
  return Uint8Array.from(records.flat());
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(new URL("../static/digits.bin", import.meta.url), gzipSync(make(), { level: 9 }));
}
