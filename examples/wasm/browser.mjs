// node browser.mjs PAGE HOST [SCREENSHOTS]: the page in folder PAGE, in a headless browser, against the program HOST of
// examples/tasks: every loss has the host's bits. Screenshots go to the folder SCREENSHOTS.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";

import { open } from "./webdriver.mjs";

const [folder, host, screenshots] = process.argv.slice(2);
const [TAB, RIGHT, SPACE] = ["\uE004", "\uE014", " "];
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };

const requested = [];
const server = createServer(({ url }, response) => {
  requested.push(url);
  try {
    const name = url === "/" ? "index.html" : url.slice(1);
    const content = readFileSync(join(folder, name));
    response.writeHead(200, { "content-type": TYPES[extname(name)] }).end(content);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const url = `http://127.0.0.1:${server.address().port}/`;

const text = (id) => browser.run((id) => document.getElementById(id).textContent, id);
const step = async () => Number(await text("step"));
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
async function until(what, condition) {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) if (await condition()) return;
  throw new Error(`not within 30 seconds: ${what}; the page says: ${await text("state")}`);
}
const finished = () => until("the end of the run", async () => (await text("state")) === "Finished.");

// How many pixels of the canvas have each curve's colour.
const painted = () =>
  browser.run(() => {
    const canvas = document.getElementById("chart");
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    const style = getComputedStyle(canvas);
    return ["--reinmax", "--straight"].map((name) => {
      const wanted = parseInt(style.getPropertyValue(name).trim().slice(1), 16);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]) === wanted && data[i + 3] === 255) count++;
      }
      return count;
    });
  });

const bits = (losses) => losses.map((x) => new Uint32Array(new Float32Array([x]).buffer)[0].toString(16).padStart(8, "0"));
const lines = (content) => content.trim().split("\n");

// Every loss of both curves, and what the page shows of them.
async function compare(tau, power) {
  for (const [i, estimator] of ["reinmax", "straight_through"].entries()) {
    const losses = await browser.run((i) => page.trainings[i].losses, i);
    const ours = bits(losses);
    const expected = lines(execFileSync(host, ["curve", estimator, tau, power, ours.length], { encoding: "utf8" }));
    assert.deepEqual(ours, expected, `${estimator}, tau = ${tau}, power = ${power}`);
    assert.equal(await text(`loss-${i}`), losses.at(-1).toFixed(4));
    assert.ok(Number(await text(`time-${i}`)) > 0);
  }
  assert.equal(await text("optimum"), (0.45 ** power).toFixed(4));
}

async function look(width, height, scheme) {
  await browser.devtools("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 2, mobile: width < 600 });
  await browser.devtools("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  await sleep(200);
  if (!screenshots) return;
  mkdirSync(screenshots, { recursive: true });
  writeFileSync(join(screenshots, `page-${width}-${scheme}.png`), await browser.screenshot());
}

const browser = await open();
try {
  await look(1280, 800, "light");
  await browser.go(url);
  await until("the first steps", async () => (await step()) > 5);
  const before = await painted();
  await until("more steps", async () => (await step()) > 100);
  const after = await painted();
  before.forEach((count, i) => assert.ok(after[i] > count + 20, `curve ${i} grows: ${count}, then ${after[i]} pixels`));

  await finished();
  assert.equal(await step(), 400);
  await compare("1", "2");
  const stored = lines(readFileSync(new URL("../tasks/expected/polynomial-128.txt", import.meta.url), "utf8"));
  assert.deepEqual(bits(await browser.run(() => page.trainings[0].losses.slice(0, 100))), stored);
  const size = readFileSync(join(folder, "reinmax.wasm")).length;
  assert.equal(await text("size"), `${(size / 1000).toFixed(0)} kB`);

  // The keyboard reaches every control in order; a slider's key begins another run.
  const reached = [];
  await browser.run(() => document.activeElement.blur());
  for (let i = 0; i < 4; i++) {
    await browser.press(TAB);
    reached.push(await browser.run(() => document.activeElement.id));
  }
  assert.deepEqual(reached, ["toggle", "restart", "tau", "power"]);
  await browser.press(RIGHT, RIGHT);
  assert.equal(await text("power-value"), "2.2");
  assert.equal(await text("state"), "Running.");
  assert.ok((await step()) < 400);
  await finished();
  await compare("1", "2.2");

  await browser.run(() => document.getElementById("tau").focus());
  await browser.press(RIGHT, RIGHT, RIGHT);
  assert.equal(await text("tau-value"), "1.3");
  await until("some steps", async () => (await step()) > 50);
  await browser.click("#toggle");
  const paused = await step();
  assert.equal(await text("state"), `Paused at step ${paused}.`);
  await sleep(400);
  assert.equal(await step(), paused);
  await browser.run(() => document.getElementById("toggle").focus());
  await browser.press(SPACE);
  await finished();
  await compare("1.3", "2.2");

  await browser.click("#toggle");
  await until("another run", async () => (await step()) > 0 && (await step()) < 400);
  await browser.click("#restart");
  assert.ok((await step()) < 100);
  assert.deepEqual(
    await browser.run(() => [[0, NaN, 2], [0, 1, -1], [7, 1, 2]].map((a) => page.trainings[0].instance.exports.start(...a) === 0)),
    [false, false, false],
  );

  // Both schemes on both screens; nothing to scroll sideways, buttons as large as a finger.
  await browser.go(url);
  await finished();
  for (const scheme of ["light", "dark"]) {
    await look(1280, 800, scheme);
    await look(360, 740, scheme);
    const [width, ...heights] = await browser.run(() => [
      document.documentElement.scrollWidth,
      ...[...document.querySelectorAll("button")].map((button) => button.getBoundingClientRect().height),
    ]);
    assert.ok(width <= 360, `the page is ${width} pixels wide`);
    heights.forEach((height) => assert.ok(height >= 44, `a button is ${height} pixels high`));
  }

  // Without motion unless asked for.
  await browser.devtools("Emulation.setEmulatedMedia", { features: [{ name: "prefers-reduced-motion", value: "reduce" }] });
  await browser.go(url);
  await until("the library", async () => (await text("state")) === "Ready.");
  await browser.click("#toggle");
  await until("some steps", async () => (await step()) > 5);

  assert.deepEqual([...new Set(requested)].sort(), ["/", "/chart.js", "/page.css", "/page.js", "/reinmax.wasm", "/training.js"]);
  assert.deepEqual(await browser.log(), []);
  console.error("the page: the bits of the host for three settings, sliders, keys, two screens, two schemes, an empty console");
} finally {
  await browser.close();
  server.close();
}
