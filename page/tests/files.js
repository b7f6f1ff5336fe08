// What tests and tools read: the built page, and MNIST's test set.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { gunzipSync } from "node:zlib";
import { Network, shipped } from "../static/network.js";

const root = new URL("../../", import.meta.url);
export const file = (path) => readFileSync(new URL(path, root));
export const built = (name) => file(`target/site/${name}`);

const weights = () => new Uint8Array(built("reader.safetensors")).buffer;
export const parameters = () => shipped(weights());
export const network = () => new Network(new WebAssembly.Module(built("reader.wasm")), parameters());

// Labels, and 28x28 bytes of each image.
export function testSet() {
  const [images, labels] = ["images-idx3", "labels-idx1"].map((kind) => gunzipSync(file(`data/mnist/t10k-${kind}-ubyte.gz`)));
  return Array.from(labels.subarray(8), (label, index) => ({ index, label, pixels: images.subarray(16 + 784 * index, 16 + 784 * (index + 1)) }));
}

const KINDS = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml", wasm: "application/wasm" };

// Serves the built page on 127.0.0.1, as any web server would. Gives its address, and what stops it.
export async function serve() {
  const server = createServer((request, response) => {
    const name = new URL(request.url, "http://x").pathname.slice(1) || "index.html";
    try {
      if (!/^[a-z.]+$/.test(name)) throw new Error();
      response.writeHead(200, { "Content-Type": KINDS[name.split(".").at(-1)] ?? "application/octet-stream" }).end(built(name));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { address: `http://127.0.0.1:${server.address().port}/`, stop };
}
