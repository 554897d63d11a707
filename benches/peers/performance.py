"""Measures a page of docs/performance: this project's command line and its peers, shape by shape in turn, five times.

usage: python performance.py REINMAX_CLI > tables.md       (from benches/; needs torch and reinmax from PyPI, and cargo)

Every figure is a median: over rounds within a pass, then over the passes. What is compared is measured within seconds, as a
machine's clock may move by half within minutes. One thread unless a table says otherwise."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import torch
from reinmax import reinmax

torch.set_num_threads(1)

CLI = sys.argv[1]
PASSES = 5
SHORT = [(8192, 2), (2048, 8), (1638, 10), (512, 32), (128, 128), (16, 1000), (4, 4096)]
LARGE = [(131_072, 8), (131_072, 128), (16_384, 1000), (256, 4096)]
LAYERS = [(256, 256, 256), (512, 512, 512), (100, 784, 512), (100, 512, 256), (100, 256, 32), (100, 32, 256), (100, 512, 784)]
VAES = [(8, 4), (10, 30), (64, 8)]
LEVELS = [(8192, 2), (1638, 10), (128, 128), (16, 1000)]


def log(text):
    print(text, file=sys.stderr, flush=True)


def median_time(call, rounds=5):
    """Seconds a call, repeated to at least a millisecond."""
    call()
    start = time.perf_counter()
    call()
    repeats = max(1, min(100_000, int(0.0012 / max(time.perf_counter() - start, 1e-7))))
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        times.append((time.perf_counter() - start) / repeats)
    return statistics.median(times)


def cli(*arguments):
    return json.loads(subprocess.run([CLI, *arguments, "--format", "json", "--quiet"], check=True, capture_output=True).stdout)


def ours(results, *options):
    """One pass of `bench kernels`: {(kernel, rows, k, cols, level, numerics, threads): [ns per element or GFLOP/s]}."""
    report = cli("bench", "kernels", "--rounds", "5", *options)
    for m in report["results"]:
        key = (m["kernel"], m["rows"], m["k"], m.get("cols"), m["level"], m["numerics"], m["threads"])
        results.setdefault(key, []).append(m.get("gflops", m["median"]))
    return report["machine"]


def shape_options(shapes):
    return [option for rows, k in shapes for option in ("--shape", f"{rows}x{k}")]


def torch_kernels(results, rows, k):
    """softmax, and below the large shapes ReinMax, in PyTorch: {(what, rows, k, None): [ns per element]}."""
    add = lambda what, seconds: results.setdefault((what, rows, k, None), []).append(seconds / (rows * k) * 1e9)
    x = (torch.rand(rows, k) - 0.5) * 10
    out = torch.empty_like(x)
    with torch.no_grad():
        add("softmax", median_time(lambda: torch.softmax(x, -1, out=out)))
    if (rows, k) in LARGE:
        return
    logits, upstream = x.clone().requires_grad_(True), torch.randn(rows, k)
    y, _ = reinmax(logits, 1.3)
    add("forward", median_time(lambda: reinmax(logits, 1.3)))
    add("backward", median_time(lambda: torch.autograd.grad(y, logits, upstream, retain_graph=True)))


def torch_layers(results):
    """{("linear", rows, inner, cols): [GFLOP/s]}"""
    for rows, inner, cols in LAYERS:
        a, weight, bias = torch.rand(rows, inner), torch.rand(cols, inner), torch.rand(cols)
        with torch.no_grad():
            seconds = median_time(lambda: torch.nn.functional.linear(a, weight, bias))
        results.setdefault(("linear", rows, inner, cols), []).append(2 * rows * inner * cols / seconds / 1e9)


LATENTS, BATCH, TARGET, LR, STEPS = 128, 64, 0.45, 1e-3, 200


def loss_and_slope(z, power):
    r = z - TARGET
    if power == 2.0:
        return r * r, 2 * r
    a = r.abs()
    q = a.pow(power - 1)
    return q * a, power * q * r.sign()


def binary_gradient(theta, u, power):
    """ReinMax at tau = 1 for two categories: no one-hot vectors."""
    p = torch.sigmoid(theta[:, 0] - theta[:, 1])
    z = (u < p).float()
    loss, slope = loss_and_slope(z, power)
    first = (slope * 0.5 * torch.where(z > 0, 1 - p, p)).mean(0) / LATENTS
    return loss.mean(), torch.stack([first, -first], -1)


def general_gradient(theta, u, power):
    """The same for any number of categories: inverse CDF, closed form of the gradient."""
    p = theta.softmax(-1)
    index = (u[:, :, None] > p.cumsum(-1)[None, :, :-1]).sum(-1, keepdim=True)
    loss, slope = loss_and_slope((index[..., 0] == 0).float(), power)
    g = torch.nn.functional.pad(slope[..., None], (0, theta.shape[1] - 1))
    drawn, mean = g.gather(-1, index), (p * g).sum(-1, keepdim=True)
    grad = (0.5 * p * (g - drawn)).scatter_add(-1, index, 0.5 * (drawn - mean))
    return loss.mean(), grad.mean(0) / LATENTS


def torch_polynomial(gradient, power):
    """A compiled training step with Adam, warmed up: a function that measures its microseconds."""

    def step(theta, m, v, correction1, correction2, u):
        loss, g = gradient(theta, u, power)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return loss, theta - LR * (m / correction1) / ((v / correction2).sqrt() + 1e-8), m, v

    compiled = torch.compile(step, fullgraph=True)
    theta = torch.empty(LATENTS, 2).uniform_(-0.01, 0.01)
    state = [theta, torch.zeros_like(theta), torch.zeros_like(theta)]
    corrections = [(torch.tensor(1 - 0.9**t), torch.tensor(1 - 0.999**t)) for t in range(1, STEPS + 1)]

    def epoch():
        total, start = torch.zeros(()), time.perf_counter()
        for c1, c2 in corrections:
            loss, *state[:] = compiled(*state, c1, c2, torch.rand(BATCH, LATENTS))
            total += loss
        return (time.perf_counter() - start) / STEPS * 1e6

    def measure(epochs=3):
        with torch.no_grad():
            return statistics.median(epoch() for _ in range(epochs))

    measure()
    return measure


def random_images(folder):
    """A folder in the format of MNIST: 2000 images of random pixels to train on, one to test on."""
    for name, images in (("train-images-idx3-ubyte", 2000), ("t10k-images-idx3-ubyte", 1)):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"".join(n.to_bytes(4, "big") for n in (0x0803, images, 28, 28)) + os.urandom(images * 784))


def torch_vae(k, latents):
    """The paper's autoencoder with Adam in one fused kernel, warmed up: a function that measures its microseconds a step."""
    relu, width, x = torch.nn.functional.relu, k * latents, torch.rand(100, 784)
    layers = lambda *sizes: [torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]
    encoder, decoder = layers(784, 512, 256, width), layers(width, 256, 512, 784)
    adam = torch.optim.Adam([p for layer in encoder + decoder for p in layer.parameters()], lr=5e-4, fused=True)

    def step():
        h = encoder[2](relu(encoder[1](relu(encoder[0](x)))))
        z, q = reinmax(h.view(-1, latents, k), 1.3)
        h = decoder[2](relu(decoder[1](relu(decoder[0](z.reshape(100, width))))))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(h, x, reduction="sum") + (q * torch.log(q + 1e-10)).sum()
        adam.zero_grad()
        (loss / 100).backward()
        adam.step()

    def measure(steps=10):
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1e6

    measure()
    return measure


def autoencoders(results, rivals, folder):
    """One pass: {(who, k, latents): [microseconds a step]}."""
    out, images = os.path.join(folder, "vae"), os.path.join(folder, "images")
    for (k, latents), measure in rivals.items():
        for numerics in ("fast", "portable"):
            report = cli("run", "vae", "--data", images, "--estimator", "reinmax", "--optimizer", "adam", "--categories", str(k), "--latents",
                         str(latents), "--numerics", numerics, "--epochs", "2", "--seed", "0", "--threads", "1", "--out", out, "--overwrite")
            results.setdefault((numerics, k, latents), []).append(report["results"][0]["microseconds_per_step"])
        results.setdefault(("PyTorch", k, latents), []).append(measure())


def rust_peers(results):
    """This project, rten-vecmath and candle-nn in turn in one program: {(library, rows, k): [ns per element]}."""
    command = ["cargo", "bench", "--quiet", "--features", "peers", "--bench", "softmax_peers", "--", "in-turn"]
    environment = os.environ | {"RAYON_NUM_THREADS": "1"}
    output = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    for library, rows, k, nanoseconds in json.loads(output):
        results.setdefault((library, rows, k), []).append(nanoseconds)


def table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" + "---:|" * (len(header) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def main(folder):
    kernels, pairs, peers, rust, steps, vaes = {}, {}, {}, {}, {}, {}
    log("compiling")
    rivals = {(name, power): torch_polynomial(gradient, power) for power in (1.5, 2.0, 3.0)
              for name, gradient in (("k = 2", binary_gradient), ("any k", general_gradient))}
    vae_rivals = {shape: torch_vae(*shape) for shape in VAES}
    os.mkdir(os.path.join(folder, "images"))
    random_images(os.path.join(folder, "images"))
    for number in range(PASSES):
        log(f"pass {number + 1} of {PASSES}")
        for rows, k in SHORT + LARGE:
            machine = ours(kernels, "--numerics", "portable", "--numerics", "fast", *shape_options([(rows, k)]))
            torch_kernels(peers, rows, k)
        rust_peers(rust)
        ours(kernels, "--kernel", "linear", "--numerics", "portable", "--numerics", "fast")
        torch_layers(peers)
        ours(kernels, "--level", "all", *shape_options(LEVELS))
        ours(pairs, "--threads", "1,2", *shape_options(LARGE))
        ours(kernels, "--kernel", "tape")
        autoencoders(vaes, vae_rivals, folder)
        for power in (1.5, 2.0, 3.0):
            for name in ("k = 2", "any k"):
                steps.setdefault((name, power), []).append(rivals[name, power]())
            report = cli("run", "polynomial", "--estimator", "reinmax", "--estimator", "st", "--power", str(power), "--seed", "0",
                         "--threads", "1", "--epochs", "10", "--out", os.path.join(folder, "run"), "--overwrite")
            for result in report["results"]:
                steps.setdefault((result["estimator"], power), []).append(result["microseconds_per_step"])

    widest = machine["levels"][-1]
    middle = {key: statistics.median(values) for key, values in kernels.items()}
    pair = {key: statistics.median(values) for key, values in pairs.items()}
    peer = {key: statistics.median(values) for key, values in peers.items()}
    others = {key: statistics.median(values) for key, values in rust.items()}
    step = {key: statistics.median(values) for key, values in steps.items()}
    mine = lambda kernel, rows, k, numerics="portable", threads=1, cols=None, level=widest: middle[
        kernel, rows, k, cols, "any" if kernel == "memcpy" else level, numerics, threads]

    print(f"# Measured with {widest}\n")
    commit = subprocess.run(["git", "log", "-1", "--format=%h of %cs"], check=True, capture_output=True, text=True).stdout.strip()
    print(f"{machine['cpu']}, {machine['cores']} cores; PyTorch {torch.__version__}; version {machine['version']}, commit {commit}. "
          "What the tables say and what limits each kernel: [performance.md](../performance.md).\n")
    print("## A training step of the polynomial task\n\nMicroseconds: 128 variables, two categories, batch 64, draws, ReinMax, Adam.\n")
    table(["p", "reinmax", "straight_through", "PyTorch compiled, k = 2 only", "ratio", "PyTorch compiled, any k", "ratio"],
          [[f"{p}", f"{step['reinmax', p]:.1f}", f"{step['straight_through', p]:.1f}",
            f"{step['k = 2', p]:.1f}", f"{step['k = 2', p] / step['reinmax', p]:.1f}",
            f"{step['any k', p]:.1f}", f"{step['any k', p] / step['reinmax', p]:.1f}"] for p in (1.5, 2.0, 3.0)])

    print("## A training step of the autoencoder\n\nMilliseconds: images of 784 pixels, hidden layers of 512 and 256, batch 100, ReinMax, Adam "
          "(PyTorch's in one fused kernel).\n")
    vae = {key: statistics.median(values) / 1e3 for key, values in vaes.items()}
    table(["categories x latents", "fast", "portable", "PyTorch", "PyTorch / fast"],
          [[f"{k} x {latents}", f"{vae['fast', k, latents]:.1f}", f"{vae['portable', k, latents]:.1f}", f"{vae['PyTorch', k, latents]:.1f}",
            f"{vae['PyTorch', k, latents] / vae['fast', k, latents]:.1f}"] for k, latents in VAES])

    print("## The tape\n\nNanoseconds an operation on four numbers, the operation's own work included.\n")
    tape = {key[0]: value for key, value in middle.items() if key[0].startswith("tape_")}
    size = {key[0]: key[2] for key in middle}
    names = ["tape_record", "tape_replay", "tape_backward"]
    table(["", *names], [["ns"] + [f"{tape[name] * size[name]:.0f}" for name in names]])

    print("## Sampling and ReinMax's backward pass\n\nNanoseconds an element at tau = 1.3, forward (softmax, draw, one-hot) and backward, beside "
          "the original package for PyTorch.\n")
    rows_of_table = []
    for rows, k in SHORT:
        forward, backward = mine("sample", rows, k), mine("reinmax_backward", rows, k)
        theirs = peer["forward", rows, k, None] + peer["backward", rows, k, None]
        rows_of_table.append([f"{rows} x {k}", f"{forward:.2f}", f"{backward:.2f}", f"{peer['forward', rows, k, None]:.1f}",
                              f"{peer['backward', rows, k, None]:.1f}", f"{theirs / (forward + backward):.0f}"])
    table(["shape", "forward", "backward", "PyTorch forward", "backward", "ratio of sums"], rows_of_table)

    print("## softmax\n\nNanoseconds an element. PyTorch: `softmax(out=)`; the ratio is that of the fastest other library to the portable "
          "lanes up to k = 128, to `Numerics::Fast` beyond.\n")
    rows_of_table = []
    for rows, k in SHORT + LARGE:
        # Beside other Rust libraries in one program where there is one: `bench` touches more memory between two calls.
        portable, fast = (others.get((f"reinmax {name}", rows, k), mine("softmax", rows, k, name)) for name in ("portable", "fast"))
        found = [peer["softmax", rows, k, None]] + [others.get((name, rows, k)) for name in ("rten-vecmath", "candle-nn")]
        best = min(x for x in found if x) / (portable if k <= 128 else fast)
        rows_of_table.append([f"{rows} x {k}", f"{portable:.3f}", f"{fast:.3f}"] + [f"{x:.3f}" if x else "-" for x in found] + [f"{best:.2f}"])
    table(["shape", "portable", "fast", "PyTorch", "rten-vecmath", "candle-nn", "ratio"], rows_of_table)

    print("## linear\n\nGFLOP/s of x W' + b, rows x inner x cols; and with portable lanes, of what its backward pass computes: the products for the "
          "gradients of x (`matmul` of the same size) and of W.\n")
    table(["shape", "portable", "for x", "for W", "fast (`gemm`)", "PyTorch", "fast / PyTorch"],
          [[f"{r} x {i} x {c}", f"{mine('linear', r, i, cols=c):.0f}", f"{mine('matmul', r, i, cols=c):.0f}",
            f"{mine('linear_weight_gradient', r, i, cols=c):.0f}", f"{mine('linear', r, i, 'fast', cols=c):.0f}",
            f"{peer['linear', r, i, c]:.0f}", f"{mine('linear', r, i, 'fast', cols=c) / peer['linear', r, i, c]:.2f}"] for r, i, c in LAYERS])

    print("## Levels\n\nNanoseconds an element, portable numerics: equal bits on all of them.\n")
    names = ["uniform", "exp", "softmax", "sample", "reinmax_backward", "reinmax_backward_tau1"]
    table(["kernel", "shape"] + machine["levels"] + ["widest against the next"],
          [[name, f"{rows} x {k}"] + [f"{mine(name, rows, k, level=level):.2f}" for level in machine["levels"]]
           + [f"{mine(name, rows, k, level=machine['levels'][-2]) / mine(name, rows, k):.2f}"] for name in names for rows, k in LEVELS])

    print("## Two threads\n\nNanoseconds an element on large arrays.\n")
    names = ["softmax", "sample", "reinmax_backward"]
    one, two = ({(name, rows, k): pair[name, rows, k, None, widest, "portable", threads] for name in names for rows, k in LARGE}
                for threads in (1, 2))
    table(["kernel", "shape", "1 thread", "2 threads", "ratio"],
          [[key[0], f"{key[1]} x {key[2]}", f"{one[key]:.3f}", f"{two[key]:.3f}", f"{one[key] / two[key]:.2f}"] for key in one])

    print("## Out of cache\n\nNanoseconds an element, and how many times the time in which `memcpy` moves as many bytes (it reads and writes 8 an "
          "element; softmax as many, sample 12: it writes probabilities and one-hot vectors).\n")
    rows_of_table = []
    for rows, k in LARGE:
        copy = mine("memcpy", rows, k)
        for kernel, streams in (("softmax", 2), ("sample", 3)):
            took = mine(kernel, rows, k)
            rows_of_table.append([f"{rows} x {k}", kernel, f"{copy:.3f}", f"{took:.3f}", f"{took / (copy * streams / 2):.2f}"])
    table(["shape", "kernel", "memcpy", "kernel's", "ratio"], rows_of_table)


with tempfile.TemporaryDirectory() as folder:
    main(folder)
