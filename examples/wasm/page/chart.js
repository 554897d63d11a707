// Curves of loss against step on a canvas, in the colours of the style sheet.
const MARGIN = { top: 10, right: 12, bottom: 34, left: 46 };
// A point of the bold line is the mean of so many steps before and after it; the faint line has every step.
const REACH = 7;

// A round number near a fifth of the range: 1, 2 or 5 times a power of ten.
function spacing(range) {
  const power = 10 ** Math.floor(Math.log10(range / 5));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => range / step <= 6);
}

function means(values) {
  const sums = [0];
  for (const value of values) sums.push(sums.at(-1) + value);
  return values.map((_, i) => {
    const from = Math.max(i - REACH, 0), to = Math.min(i + REACH + 1, values.length);
    return (sums[to] - sums[from]) / (to - from);
  });
}

export class Chart {
  constructor(canvas, draw) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    new ResizeObserver(draw).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  }

  // curves: [{ name, colour (a custom property), losses }]; range: the losses at the bottom and at the top.
  draw({ curves, steps, range: [low, high], optimum }) {
    const { canvas, context: c } = this;
    const { width, height } = canvas.getBoundingClientRect();
    const ratio = devicePixelRatio;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name);
    const right = width - MARGIN.right, bottom = height - MARGIN.bottom;
    const x = (step) => MARGIN.left + ((right - MARGIN.left) * (step - 1)) / (steps - 1);
    const y = (loss) => bottom - ((bottom - MARGIN.top) * (loss - low)) / (high - low);

    c.font = `12px ${style.fontFamily}`;
    this.#axes({ x, y, low, high, steps, right, bottom, line: colour("--line"), quiet: colour("--quiet") });

    c.strokeStyle = c.fillStyle = colour("--quiet");
    c.lineWidth = 1.5;
    c.setLineDash([5, 4]);
    this.#line([[MARGIN.left, y(optimum)], [right, y(optimum)]]);
    c.setLineDash([]);
    c.textAlign = "left";
    c.textBaseline = "top";
    this.#text(`optimum ${optimum.toFixed(4)}`, MARGIN.left + 8, y(optimum) + 6, colour("--quiet"), colour("--card"));

    c.save();
    c.beginPath();
    c.rect(MARGIN.left, MARGIN.top, right - MARGIN.left, bottom - MARGIN.top);
    c.clip();
    c.lineJoin = "round";
    for (const { colour: name, losses } of curves) {
      c.strokeStyle = colour(name);
      c.globalAlpha = 0.3;
      c.lineWidth = 1;
      this.#line(losses.map((loss, i) => [x(i + 1), y(loss)]));
      c.globalAlpha = 1;
      c.lineWidth = 2.5;
      this.#line(means(losses).map((loss, i) => [x(i + 1), y(loss)]));
    }
    c.restore();
    for (const { name, colour: property, losses } of curves) {
      if (losses.length < 2 * REACH) continue;
      this.#label(name, colour(property), colour("--card"), x(losses.length), y(means(losses).at(-1)), right);
    }
  }

  #axes({ x, y, low, high, steps, right, bottom, line, quiet }) {
    const c = this.context;
    c.strokeStyle = line;
    c.fillStyle = quiet;
    c.lineWidth = 1;
    c.textAlign = "right";
    c.textBaseline = "middle";
    const step = spacing(high - low);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    for (let n = Math.ceil(low / step); n * step <= high; n++) {
      this.#line([[x(1), y(n * step)], [right, y(n * step)]]);
      c.fillText((n * step).toFixed(digits), x(1) - 8, y(n * step));
    }
    c.textBaseline = "top";
    for (let at = 100; at <= steps; at += 100) {
      c.textAlign = at === steps ? "right" : "center";
      c.fillText(at, x(at), bottom + 8);
    }
    c.textAlign = "left";
    c.fillText("step", x(1), bottom + 8);
  }

  // Above the end of its curve.
  #label(text, ink, halo, x, y, right) {
    const c = this.context;
    c.font = `600 13px ${getComputedStyle(this.canvas).fontFamily}`;
    c.textAlign = "right";
    c.textBaseline = "bottom";
    const at = Math.min(Math.max(x, MARGIN.left + c.measureText(text).width + 6), right - 2);
    this.#text(text, at, y - 12, ink, halo);
  }

  // With a halo, so that it stays legible over lines.
  #text(text, x, y, ink, halo) {
    const c = this.context;
    c.strokeStyle = halo;
    c.lineWidth = 4;
    c.lineJoin = "round";
    c.strokeText(text, x, y);
    c.fillStyle = ink;
    c.fillText(text, x, y);
  }

  #line(points) {
    const c = this.context;
    c.beginPath();
    for (const [x, y] of points) c.lineTo(x, y);
    c.stroke();
  }
}
