// How long the page takes from a stroke to its answer on the screen, in Chromium: scripts/check-page bench.

import { chromium } from "playwright-core";
import { serve } from "./files.js";

const STROKES = 20;
const server = await serve();
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const [name, width, height] of [["desktop", 1280, 900], ["phone", 375, 812]]) {
  const page = await browser.newPage({ viewport: { width, height } });
  await page.goto(server.address);
  await page.waitForSelector("#samples button");
  // From the event, and from the beginning of the next frame, to the moment after the answer is painted. The second is printed.
  await page.evaluate(() => {
    window.frames_ = [];
    document.getElementById("paper").addEventListener("pointermove", () => {
      const start = performance.now();
      requestAnimationFrame(() => {
        const began = performance.now();
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => frames_.push([performance.now() - start, performance.now() - began]);
        port2.postMessage(null);
      });
    }, true);
  });
  const box = await page.locator("#paper").boundingBox();
  for (let stroke = 0; stroke < STROKES; stroke++) {
    await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * (0.3 + 0.4 * (stroke % 2)), box.y + box.height * 0.8, { steps: 10 });
    await page.mouse.up();
    if (stroke % 5 === 4) await page.click("#clear");
  }
  const answers = await page.evaluate(() => performance.getEntriesByName("answer").map(({ duration }) => duration));
  const frames = await page.evaluate(() => frames_.map(([, painted]) => painted));
  const line = (values) => {
    const sorted = values.toSorted((a, b) => a - b);
    return `median ${sorted[sorted.length >> 1].toFixed(1)} ms, of ten the slowest ${sorted[Math.floor(0.9 * sorted.length)].toFixed(1)} ms`;
  };
  console.log(`${name}: ${answers.length} answers: read and drawn in ${line(answers)}; on the screen in ${line(frames)}`);
  await page.close();
}
await browser.close();
await server.stop();
