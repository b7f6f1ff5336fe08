// Digits of MNIST's test set: those that the page's network misreads, and some more. tests/make-digits.js made the file.

const RECORD = 2 + 1 + 1 + 28 * 28; // the number in the test set, the label, what it is read as, and the pixels

export async function unpack(compressed) {
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return Array.from({ length: bytes.length / RECORD }, (_, i) => {
    const [low, high, label, readAs, ...pixels] = bytes.subarray(i * RECORD, (i + 1) * RECORD);
    return { index: 256 * high + low, label, readAs, pixels: Uint8Array.from(pixels) };
  });
}

// Some of them, in any order.
export function some(digits, count) {
  const rest = [...digits];
  return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(Math.floor(Math.random() * rest.length), 1)[0]);
}
