// The page, in Chromium: drawn on, clicked, used without a mouse, given files good and bad, cut off, and looked at. Pictures go to
// target/pictures.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import axe from "axe-core";
import { chromium } from "playwright-core";
import { built, file, serve } from "./files.js";

const ONE = [[0.05, -0.6], [0, 0], [-0.05, 0.6]];
const SEVEN = [[-0.4, -0.55], [0, -0.55], [0.4, -0.55], [0.2, 0], [0, 0.6]];
const ZERO = Array.from({ length: 25 }, (_, i) => [-0.4 * Math.sin((i * Math.PI) / 12), -0.6 * Math.cos((i * Math.PI) / 12)]);

const pictures = fileURLToPath(new URL("../../target/pictures/", import.meta.url));
let server, browser;

const launch = (...args) => chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", ...args] });

before(async () => {
  mkdirSync(pictures, { recursive: true });
  [server, browser] = [await serve(), await launch()];
});
after(async () => {
  await browser.close();
  await server.stop();
});

// A page that is open, and what has to be true of it at the end: no error, no warning, nothing that its policy forbids, and no
// request to anywhere else.
async function open({ width = 1280, height = 900, scheme = "light", link = "", address = server.address } = {}) {
  const phone = width < 500;
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: 2, reducedMotion: "reduce", isMobile: phone, hasTouch: phone,
  });
  const page = await context.newPage();
  page.faults = [];
  page.on("console", (message) => page.faults.push(message.text()));
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !url.startsWith("blob:")) page.faults.push(url);
  });
  await page.goto(address + link);
  await page.waitForSelector("#samples button");
  return page;
}

async function close(page) {
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

// Draws a stroke; coordinates go from -1 to 1 from edge to edge.
async function draw(page, stroke) {
  const paper = page.locator("#paper");
  await paper.scrollIntoViewIfNeeded();
  const box = await paper.boundingBox();
  const place = ([x, y]) => [box.x + (box.width * (1 + x)) / 2, box.y + (box.height * (1 + y)) / 2];
  await page.mouse.move(...place(stroke[0]));
  await page.mouse.down();
  for (const point of stroke.slice(1)) await page.mouse.move(...place(point), { steps: 3 });
  await page.mouse.up();
}

const reads = (page, digit) => page.waitForSelector(`body[data-digit="${digit}"]`);
const says = (page, text) => page.waitForFunction((text) => document.getElementById("spoken").textContent.match(text), text);
const maps = (page) => page.$$eval("#stages > li", (stages) =>
  stages.map((stage) => [...stage.querySelectorAll("canvas:not(.filter)")].map((canvas) => canvas.toDataURL()).join()));

test("reads what is drawn, and shows every layer", async () => {
  const page = await open();
  const empty = await maps(page);
  assert.equal(empty.length, 8);
  for (const [digit, stroke] of [[1, ONE], [7, SEVEN], [0, ZERO]]) {
    await page.click("#clear");
    await reads(page, "");
    await draw(page, stroke);
    await reads(page, digit);
    await says(page, `^Read as ${digit}, `);
    (await maps(page)).forEach((stage, i) => assert.notEqual(stage, empty[i], `stage ${i} shows nothing for a ${digit}`));
  }
  await page.screenshot({ path: `${pictures}drawn.png`, fullPage: true });
  // A class that is chosen is what the answer is compared with.
  await page.click("#classes li:nth-child(7) button");
  await page.waitForFunction(() => document.getElementById("why-title").textContent === "Why 0 and not 6?");
  await close(page);
});

test("is used without a mouse", async () => {
  const page = await open();
  // A 1: pen down, sixteen steps, pen up.
  await page.focus("#paper");
  for (const key of [" ", ...Array(16).fill("ArrowDown"), " "]) await page.keyboard.press(key);
  await reads(page, 1);
  assert.ok(await page.isVisible("#pen"));
  await page.keyboard.press("Delete");
  await reads(page, "");
  // One of the test digits is in the order of Tab; from there the arrow keys go on.
  await page.focus("#misread");
  for (const key of ["Tab", "ArrowRight", "ArrowDown", "Enter"]) await page.keyboard.press(key);
  await says(page, "^Test digit ");
  const chosen = () => page.$$eval("#samples button", (all) => all.findIndex((one) => one.matches("[aria-current=true]:focus")));
  assert.equal(await chosen(), 9);
  // The same with the maps of a layer: the sixth of C3 is under the second.
  await page.focus("[data-stage=C3] button");
  for (const key of ["ArrowRight", "ArrowDown", "Space"]) await page.keyboard.press(key);
  await says(page, "With all maps on: ");
  assert.equal(await page.getAttribute("[data-stage=C3] button >> nth=5", "aria-pressed"), "true");
  await close(page);
});

test("shows what a map is good for", async () => {
  const page = await open();
  await draw(page, ZERO);
  await reads(page, 0);
  await says(page, "^Read as 0");
  const before = await page.$$eval("#classes .share", (all) => all.map((share) => share.textContent));
  for (const map of Array(6).keys()) await page.click(`[data-stage=C1] button >> nth=${map}`);
  await says(page, "With all maps on: 0, ");
  const after = await page.$$eval("#classes .share", (all) => all.map((share) => share.textContent));
  assert.notDeepEqual(after, before);
  assert.ok(await page.isVisible("#classes s >> nth=0"));
  // With all of C1 off the network sees nothing, and gives what it gives for any digit.
  await page.click("#clear");
  await draw(page, ONE);
  await says(page, "With all maps on: 1, ");
  assert.deepEqual(await page.$$eval("#classes .share", (all) => all.map((share) => share.textContent)), after);
  await page.screenshot({ path: `${pictures}off.png`, fullPage: true });
  await page.click("#on");
  await says(page, "^Read as 1[^W]*$");
  await close(page);
});

// Narrow, to stand beside others.
const beside = (stroke, x) => stroke.map(([across, down]) => [x + 0.45 * across, 0.7 * down]);

test("reads several digits in one drawing", async () => {
  const page = await open();
  for (const [stroke, x] of [[SEVEN, -0.6], [ONE, 0], [ZERO, 0.55]]) await draw(page, beside(stroke, x));
  await reads(page, "710");
  await says(page, "^A number: 710. Looking into its digit 3: 0, ");
  assert.equal(await page.$$eval("#frames span", (all) => all.length), 3);
  await page.click("#parts button >> nth=0");
  await says(page, "Looking into its digit 1: 7, ");
  assert.equal(await page.textContent("#classes .best span"), "7");
  await page.screenshot({ path: `${pictures}number.png`, fullPage: true });
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html]), []);
  await page.click("#clear");
  await draw(page, ONE);
  await reads(page, 1);
  assert.ok(await page.isHidden("#parts"));
  assert.equal(await page.$$eval("#frames span", (all) => all.length), 0);
  await close(page);
});

test("looks into a mistake", async () => {
  const page = await open();
  await page.click("#misread");
  await page.waitForFunction(() => document.querySelectorAll("#samples .wrong").length === 48);
  assert.equal(await page.textContent("#samples-note"), "65 of 640 here are misread: what it is → what it was read as.");
  await page.click("#samples button:nth-child(3)");
  await says(page, "wrong\\.$");
  const [label, readAs] = (await page.textContent("#samples button:nth-child(3) small")).split(" → ");
  // It is compared with what it should have been read as.
  assert.equal(await page.textContent("#why-title"), `Why ${readAs} and not ${label}?`);
  await page.screenshot({ path: `${pictures}mistake.png`, fullPage: true });
  await close(page);
});

test("keeps the drawing in its link", async () => {
  const page = await open();
  await draw(page, SEVEN);
  await page.waitForFunction(() => location.hash.startsWith("#draw="));
  await says(page, "^Read as 7");
  const link = new URL(page.url()).hash;
  const shares = (page) => page.$$eval("#classes .share", (all) => all.map((share) => share.textContent));
  const other = await open({ link, scheme: "dark" });
  await says(other, "^Read as 7");
  assert.deepEqual(await shares(other), await shares(page));
  await other.click("#clear");
  await other.waitForFunction(() => !location.hash);
  await other.click("#samples button");
  await other.waitForFunction(() => location.hash.startsWith("#test="));
  const third = await open({ link: new URL(other.url()).hash });
  await says(third, "^Test digit ");
  for (const opened of [page, other, third]) await close(opened);
  // What no link of the page looks like draws nothing.
  for (const bad of ["#draw=", "#draw=%00", "#draw=AA", "#draw=BAEB", "#draw=____", "#test=x", "#test=-1", "#nothing=1", `#draw=${"A".repeat(1e5)}`]) {
    const page = await open({ link: bad });
    assert.equal(await page.getAttribute("body", "data-digit"), "", bad);
    await draw(page, ONE);
    await reads(page, 1);
    await close(page);
  }
});

// A picture made in the page, as a file.
const picture = (page, width, height, type) => page.evaluate(async ({ width, height, type }) => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#eee";
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#222";
  context.fillRect(0.47 * width, 0.25 * height, 0.06 * width, 0.5 * height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, type));
  return [...new Uint8Array(await blob.arrayBuffer())];
}, { width, height, type });

test("reads pictures, a telephone's photographs too, and goes on after what is none", async () => {
  const page = await open();
  const give = (buffer, mimeType) => page.setInputFiles("#image", { name: "a.file", mimeType, buffer: Buffer.from(buffer) });
  for (const name of ["3-marker.png", "5-chalk.jpg", "8-photo.jpg"]) {
    await page.setInputFiles("#image", fileURLToPath(new URL(`../../examples/images/${name}`, import.meta.url)));
    await reads(page, name[0]);
  }
  const large = await picture(page, 4000, 3000, "image/jpeg");
  await give(large, "image/jpeg");
  await reads(page, 1);
  await page.click("#clear");
  await reads(page, "");
  await page.evaluate((bytes) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([new Uint8Array(bytes)], "pasted", { type: "image/jpeg" }));
    dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
  }, large);
  await reads(page, 1);
  const bomb = file("examples/images/3-marker.png");
  bomb.writeUInt32BE(60_000, 16);
  bomb.writeUInt32BE(60_000, 20);
  for (const [bytes, type] of [[[], "image/png"], [[1, 2, 3], "image/jpeg"], [bomb, "image/png"], [large.slice(0, 100), "image/jpeg"]]) {
    await page.click("#clear");
    await says(page, "^Nothing");
    await give(bytes, type);
    await says(page, "^a.file is not read: it is no image");
    await draw(page, ONE);
    await reads(page, 1);
  }
  // A browser may have no type for a telephone's photograph: it is not taken for weights.
  for (const [brand, name] of [["heic", "a HEIC photograph"], ["mif1", "a HEIC photograph"], ["avif", "an AVIF picture"]]) {
    for (const type of ["", "image/heic"]) {
      await page.click("#clear");
      await says(page, "^Nothing");
      await give(`\0\0\0\x18ftyp${brand}\0\0\0\0mif1miaf and no more`, type);
      await says(page, `^a.file is not read: it is ${name}, which this browser can't read: save it as JPEG or PNG`);
    }
  }
  await close(page);
});

test("takes weights that are dropped on it, and refuses what is none", async () => {
  const page = await open();
  const drop = (name, bytes) => page.evaluate(({ name, bytes }) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
    dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
  }, { name, bytes: Buffer.from(bytes).toString("base64") });
  await draw(page, ZERO);
  await says(page, "^Read as 0");
  const shipped = built("reader.safetensors");
  for (const [name, bytes] of [["half", shipped.subarray(0, 1000)], ["zip", Buffer.from("PK\x03\x04 and no more")], ["empty", []], ["large", Buffer.alloc((16 << 20) + 1)]]) {
    await drop(name, bytes);
    await says(page, `^${name} is not read: `);
  }
  assert.ok(await page.isHidden("#shipped"));
  const shares = () => page.$$eval("#classes .share", (all) => all.map((share) => share.textContent));
  const before = await shares();
  await drop("lenet.pt", file("tests/golden/weights/lenet.pt"));
  await page.waitForFunction(() => document.querySelectorAll("#samples .wrong").length > 20); // untrained
  assert.notDeepEqual(await shares(), before);
  assert.match(await page.textContent("header p"), /61,750 parameters, from lenet\.pt\./);
  await page.click("#own summary");
  await page.click("#shipped");
  await says(page, "^Read as 0");
  assert.deepEqual(await shares(), before);
  await drop("again.safetensors", shipped);
  await page.waitForFunction(() => document.querySelectorAll("#samples .wrong").length < 40);
  assert.deepEqual(await shares(), before);
  await close(page);
});

// Elements that reach over the edge of the screen or of their section, or whose content is wider than they are.
const cutOff = (page) => page.$$eval("main *", (all) => all.filter((element) => {
  if (!element.offsetParent || element.closest(".button, i, s, #pen, .unseen")) return false;
  const [box, section] = [element, element.closest("section")].map((one) => one.getBoundingClientRect());
  const wide = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline";
  return box.left < section.left || box.right > section.right || wide;
}).map((element) => element.outerHTML.slice(0, 200)));

test("fits, and has no fault that axe finds, at every width, dark and light", async () => {
  for (const [width, height, name] of [[360, 740, ""], [375, 812, "phone"], [768, 1024, "tablet"], [1280, 900, "desk"], [2560, 1440, "wall"]]) {
    for (const scheme of ["light", "dark"]) {
      const page = await open({ width, height, scheme });
      assert.equal(await page.$$eval("#samples button", (all) => all.length), width < 500 ? 24 : 48);
      if (width < 500) assert.match(await page.textContent("#samples-note"), /^24 of 640 /);
      for (const state of ["empty", "answered"]) {
        if (state === "answered") {
          await draw(page, ZERO);
          await says(page, "^Read as 0");
          await page.click("[data-stage=S2] button >> nth=1");
          await says(page, "With all maps on");
          for (const summary of await page.$$("summary")) await summary.click();
        }
        const { scrollWidth, clientWidth } = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          return { scrollWidth, clientWidth };
        });
        assert.equal(scrollWidth, clientWidth, `at ${width}`);
        assert.deepEqual(await cutOff(page), [], `at ${width}`);
        if (name !== "phone" && name !== "desk") continue;
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate(() => axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html]), [], `at ${width}, ${scheme}`);
      }
      assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector(".bar i")).transitionDuration), "0s");
      if (name) await page.screenshot({ path: `${pictures}${name}-${scheme}.png`, fullPage: true });
      await close(page);
    }
  }
});

test("works without a network once it has been open", async () => {
  const another = await serve();
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(another.address);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await another.stop();
  await page.reload();
  await page.waitForSelector("#samples button");
  await draw(page, SEVEN);
  await reads(page, 7);
  await page.setInputFiles("#weights", { name: "mine", mimeType: "", buffer: built("reader.safetensors") });
  await says(page, "^Read as 7");
  assert.ok(await page.$eval("#shipped", (button) => !button.hidden));
  await context.close();
});

test("says what a browser without SIMD lacks", async () => {
  const old = await launch("--js-flags=--no-enable-sse4-1 --no-enable-ssse3 --no-enable-avx");
  const page = await old.newPage();
  await page.goto(server.address);
  await says(page, "^This browser can't run the network: it needs WebAssembly with SIMD");
  await old.close();
});
