// Browsers' clocks are coarse, and the first steps after a pause find the caches cold: so many in a row are timed.
const TIMED = 200;

// One training in an instance of its own: the module keeps its state in its memory.
export class Training {
  constructor(module, estimator) {
    this.instance = new WebAssembly.Instance(module, {});
    this.estimator = estimator;
  }

  // Times a burst of steps, then begins at the first one again.
  restart(tau, power) {
    this.#start(tau, power);
    const before = performance.now();
    this.advance(TIMED);
    this.microseconds = ((performance.now() - before) * 1000) / TIMED;
    this.#start(tau, power);
  }

  advance(steps) {
    const { step } = this.instance.exports;
    for (let i = 0; i < steps; i++) this.losses.push(step());
  }

  get loss() {
    return this.losses.at(-1);
  }

  #start(tau, power) {
    const status = this.instance.exports.start(this.estimator, tau, power);
    if (status !== 0) throw new Error(`the library refuses tau = ${tau}, power = ${power} with error ${status}`);
    this.losses = [];
  }
}
