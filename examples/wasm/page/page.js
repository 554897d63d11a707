import { Chart } from "./chart.js";
import { Training } from "./training.js";

const STEPS = 400;
const STEPS_A_SECOND = 80;
const CENTRE = 0.45;
const CURVES = [
  { name: "ReinMax", colour: "--reinmax" },
  { name: "Straight-Through", colour: "--straight" },
];

const element = (id) => document.getElementById(id);
const [tau, power, toggle, restart] = ["tau", "power", "toggle", "restart"].map(element);
const chart = new Chart(element("chart"), draw);

let trainings = [];
let running = false;
let last = 0; // time of the last frame, in milliseconds
let told = 0; // time of the last change of the numbers

const step = () => trainings[0].losses.length;
const optimum = () => CENTRE ** power.value;

function draw() {
  if (trainings.length === 0) return;
  // Fair coins at the start; the range follows from the power alone, so that runs can be compared.
  const best = optimum(), first = (best + (1 - CENTRE) ** power.value) / 2, span = first - best;
  chart.draw({
    curves: CURVES.map((curve, i) => ({ ...curve, losses: trainings[i].losses })),
    steps: STEPS,
    range: [best - 0.22 * span, first + 0.25 * span],
    optimum: best,
  });
}

function tell() {
  trainings.forEach((training, i) => {
    element(`loss-${i}`).textContent = step() > 0 ? training.loss.toFixed(4) : "–";
    element(`time-${i}`).textContent = training.microseconds.toFixed(1);
  });
  element("optimum").textContent = optimum().toFixed(4);
  element("step").textContent = step();
}

function show(state) {
  const done = step() === STEPS;
  toggle.textContent = running ? "Pause" : step() > 0 && !done ? "Resume" : "Start";
  element("state").textContent = state;
  tell();
  draw();
}

function frame(now) {
  if (!running) return;
  // Never more than a few steps in one frame, however long the page was hidden.
  const due = Math.min(Math.floor(((now - last) * STEPS_A_SECOND) / 1000), 8, STEPS - step());
  if (due > 0) {
    last = now;
    trainings.forEach((training) => training.advance(due));
    draw();
  }
  // Digits that change with every frame cannot be read.
  if (now - told > 150) {
    told = now;
    tell();
  }
  if (step() === STEPS) {
    running = false;
    show("Finished.");
  } else {
    requestAnimationFrame(frame);
  }
}

function run() {
  if (!running) {
    running = true;
    last = performance.now();
    requestAnimationFrame(frame);
  }
  show("Running.");
}

function begin(start) {
  trainings.forEach((training) => training.restart(Number(tau.value), Number(power.value)));
  for (const input of [tau, power]) element(`${input.id}-value`).textContent = Number(input.value).toFixed(1);
  if (start) run();
  else show("Ready.");
}

toggle.addEventListener("click", () => {
  if (running) {
    running = false;
    show(`Paused at step ${step()}.`);
  } else if (step() === STEPS) {
    begin(true);
  } else {
    run();
  }
});
restart.addEventListener("click", () => begin(true));
for (const input of [tau, power]) input.addEventListener("input", () => begin(true));

try {
  const response = await fetch("reinmax.wasm");
  if (!response.ok) throw new Error(`reinmax.wasm: ${response.status} ${response.statusText}`);
  const bytes = await response.arrayBuffer();
  const module = await WebAssembly.compile(bytes);
  element("size").textContent = `${(bytes.byteLength / 1000).toFixed(0)} kB`;
  element("steps").textContent = STEPS;
  trainings = CURVES.map((_, estimator) => new Training(module, estimator));
  // Browsers compile a second time what runs often; the times shown are those after that.
  for (const training of trainings) for (let i = 0; i < 3; i++) training.restart(1, 2);
  toggle.disabled = restart.disabled = false;
  begin(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  // For the console and for the tests.
  globalThis.page = { trainings, STEPS };
} catch (error) {
  element("state").textContent = `The library could not be loaded: ${error.message}`;
  console.error(error);
}
