"""Forward and backward of the drop-in and of the original, in turns, on one thread; medians in microseconds.

    REINMAX_LIBRARY=... python bench_torch.py [ROWS] [K]
"""

import statistics
import sys
import time

import torch
from reinmax import reinmax as original

from reinmax_torch import reinmax

ROUNDS, CALLS = 60, 10


def microseconds(function, logits, upstream):
    start = time.perf_counter()
    for _ in range(CALLS):
        logits.grad = None
        sample, _ = function(logits, 1.0)
        sample.backward(upstream)
    return (time.perf_counter() - start) * 1e6 / CALLS


def main(rows=8192, k=2):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    logits = torch.randn(rows, k, requires_grad=True)
    upstream = torch.randn(rows, k)
    times = {original: [], reinmax: []}
    for turn in range(ROUNDS + 5):
        for function, measured in times.items():
            took = microseconds(function, logits, upstream)
            if turn >= 5:
                measured.append(took)
    theirs, ours = (statistics.median(measured) for measured in times.values())
    print(f"{rows} x {k}: original {theirs:.0f} us, drop-in {ours:.0f} us, {theirs / ours:.1f} times as fast")


main(*map(int, sys.argv[1:]))
