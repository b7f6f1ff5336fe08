// Keeps the page for when there is no network: what comes from the server is kept, and given where the server does not answer.

const FILES = [
  "./", "page.css", "page.js", "network.js", "paper.js", "pictures.js", "digits.js", "icon.svg",
  "reader.wasm", "pictures.wasm", "weights.wasm", "reader.safetensors", "digits.bin",
];

addEventListener("install", (event) => {
  event.waitUntil(caches.open("page").then((cache) => cache.addAll(FILES)));
});

addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open("page");
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
