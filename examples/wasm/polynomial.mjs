// node polynomial.mjs reinmax_capi.wasm: the polynomial task through the C interface, in WebAssembly. The module imports nothing and
// allocates nothing: this program lends it memory behind its own. Losses must have the host's bits.
//
//   cargo rustc -p reinmax-capi --lib --crate-type cdylib --no-default-features --features panic-handler --profile bare \
//         --target wasm32-unknown-unknown
import { readFileSync } from "node:fs";

const [LATENTS, STEPS, BATCH, NODES] = [32, 100, 8, 7];
const module = await WebAssembly.compile(readFileSync(process.argv[2]));
const { exports: c } = await WebAssembly.instantiate(module, {});

// A bump allocator over pages of our own.
const PAGE = 65536;
let next = c.memory.grow(1) * PAGE;
const end = next + PAGE;
function lend(bytes) {
  const at = next;
  next += (bytes + 7) & ~7;
  if (next > end) throw new Error("the page is full");
  return at;
}
const view = () => new DataView(c.memory.buffer);
const floats = (at, length) => new Float32Array(c.memory.buffer, at, length);

function text(at) {
  const bytes = new Uint8Array(c.memory.buffer, at);
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
function run(status) {
  if (status !== 0) throw new Error(text(c.reinmax_status_string(status)));
}
const handle = lend(8);
function record(name, ...inputs) {
  run(c[`reinmax_tape_${name}`](tape, ...inputs, handle));
  return view().getBigUint64(handle, true);
}

// reinmax_slabs: four pairs of address and length.
const FLOATS = 7 * LATENTS + 2;
const slabs = lend(32);
const parts = [lend(NODES * c.reinmax_node_size()), NODES, lend(4 * FLOATS), FLOATS, lend(4 * FLOATS), FLOATS, lend(4 * LATENTS), LATENTS];
parts.forEach((value, i) => view().setUint32(slabs + 4 * i, value, true));
const tape = lend(c.reinmax_tape_size());
const state = lend(4 * c.reinmax_adam_state_len(2 * LATENTS));
run(c.reinmax_tape_init(tape, slabs, 0));

run(c.reinmax_uniforms(7n, 0n, 0n, state, 2 * LATENTS));
const initial = floats(state, 2 * LATENTS);
initial.forEach((u, i) => (initial[i] = Math.fround(Math.fround(u * Math.fround(0.02)) - Math.fround(0.01))));
run(c.reinmax_tape_seed(tape, 7n, 1n));
const logits = record("param", LATENTS, 2, state);
floats(state, 4 * LATENTS).fill(0);

const start = lend(c.reinmax_mark_size());
run(c.reinmax_tape_mark(tape, start));
const probs = record("softmax", logits);
const x = record("sample_short_column_reinmax_tau1", logits, probs, 1, 0, 0);
const distance = record("affine", x, 1, -0.45);
const square = record("abs_pow", distance, 2);
const mean = record("mean", square);
const loss = record("affine", mean, 1 / BATCH, 0);
run(c.reinmax_tape_set_cursor(tape, 0n));

const out = lend(12);
run(c.reinmax_tape_params(tape, out, out + 4, out + 8));
const [params, grads, length] = [0, 4, 8].map((i) => view().getUint32(out + i, true));
run(c.reinmax_tape_value(tape, loss, out));
const value = view().getUint32(out, true);
const adam = lend(20);
run(c.reinmax_adam_default(0.05, adam));

for (let step = 1; step <= STEPS; step++) {
  run(c.reinmax_tape_zero_grad(tape));
  let total = 0;
  for (let sample = 0; sample < BATCH; sample++) {
    run(c.reinmax_tape_replay(tape, start, 0));
    run(c.reinmax_tape_backward(tape, loss));
    total = Math.fround(total + view().getFloat32(value, true));
  }
  run(c.reinmax_adam_step(adam, step, params, grads, length, state));
  const bits = new Uint32Array(new Float32Array([total]).buffer)[0];
  console.log(bits.toString(16).padStart(8, "0"));
}
