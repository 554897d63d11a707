"""The plain kernels of libreinmax_capi for numpy arrays, through ctypes.

The library is the file that the environment variable REINMAX_LIBRARY names, or what the system finds under that name:

    make -C capi install PREFIX=$HOME/.local
    REINMAX_LIBRARY=$HOME/.local/lib/libreinmax_capi.so.1 PYTHONPATH=examples/python python ...
"""

import ctypes
import os

import numpy as np

try:
    _LIB = ctypes.CDLL(os.environ.get("REINMAX_LIBRARY", "libreinmax_capi.so.1"))
except OSError as error:
    raise ImportError(f"{error}; REINMAX_LIBRARY names the library: ~/.local/lib/libreinmax_capi.so.1, say") from error
_FLOATS, _INDICES, _SIZE = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t


class _Noise(ctypes.Structure):
    """reinmax_noise."""

    _fields_ = [
        ("uniforms", _FLOATS),
        ("forced", _INDICES),
        ("len", _SIZE),
        ("seed", ctypes.c_uint64),
        ("stream", ctypes.c_uint64),
        ("position", ctypes.c_uint64),
    ]


_SIGNATURES = {
    "reinmax_softmax": [_FLOATS, _SIZE, _SIZE, ctypes.c_float, _FLOATS],
    "reinmax_draw": [_FLOATS, _SIZE, _SIZE, _SIZE, ctypes.POINTER(_Noise), _INDICES],
    "reinmax_sample": [_FLOATS, _SIZE, _SIZE, ctypes.c_float, ctypes.POINTER(_Noise), _FLOATS, _INDICES, _FLOATS],
    "reinmax_one_hot": [_INDICES, _SIZE, _SIZE, _FLOATS],
    "reinmax_backward_reinmax": [ctypes.c_float] + [_FLOATS] * 5 + [_SIZE] * 3 + [_FLOATS],
}
for _name, _arguments in _SIGNATURES.items():
    getattr(_LIB, _name).argtypes = _arguments
    getattr(_LIB, _name).restype = ctypes.c_int32
_LIB.reinmax_status_string.argtypes = [ctypes.c_int32]
_LIB.reinmax_status_string.restype = ctypes.c_char_p
_LIB.reinmax_abi_version.restype = ctypes.c_uint32
if _LIB.reinmax_abi_version() != 1:
    raise ImportError(f"this module was written for version 1 of the interface, not {_LIB.reinmax_abi_version()}")


def _run(name, *arguments):
    status = getattr(_LIB, name)(*arguments)
    if status != 0:
        raise ValueError(f"{name}: {_LIB.reinmax_status_string(status).decode()}")


def _matrix(x, shape=None):
    """A contiguous float32 matrix; where a shape is given, of that shape."""
    x = np.ascontiguousarray(x, dtype=np.float32)
    if x.ndim != 2:
        raise ValueError(f"a matrix is needed, not an array of shape {x.shape}")
    if shape is not None and x.shape != shape:
        raise ValueError(f"shape {x.shape} where {shape} is needed")
    return x


def _indices(index, rows, k):
    """One of k categories for each row. The library would refuse others, but plain calls have no place to say which."""
    index = np.asarray(index)
    if index.shape != (rows,) or index.dtype.kind not in "iu":
        raise ValueError(f"{rows} whole numbers are needed, not {index.dtype} of shape {index.shape}")
    check_indices(index, k)
    return np.ascontiguousarray(index, dtype=np.uint32)


def check_indices(index, k):
    """Refuses a number that is none of k categories."""
    for at in np.flatnonzero((index < 0) | (index >= k))[:1]:
        raise ValueError(f"index[{at}] = {index[at]} is none of {k} categories")


def _noise(seed, stream, position):
    """Draws as a function of three whole numbers of 64 bits."""
    for name, value in [("seed", seed), ("stream", stream), ("position", position)]:
        if not 0 <= value < 2**64:
            raise ValueError(f"{name} = {value} is not in 0 to 2^64 - 1")
    return _Noise(None, None, 0, seed, stream, position)


def check_tau(tau):
    """Refuses a temperature that is not positive and finite, or whose reciprocal is not."""
    with np.errstate(all="ignore"):
        if not 0 < np.float32(1) / np.float32(tau) < np.inf:
            raise ValueError(f"tau = {tau} is not a positive finite temperature")


def softmax(logits, tau=1.0):
    """softmax(logits / tau) of each row; -inf masks a category."""
    check_tau(tau)
    logits = _matrix(logits)
    probs = np.empty_like(logits)
    _run("reinmax_softmax", logits.ctypes.data, *logits.shape, tau, probs.ctypes.data)
    return probs


def sample(logits, tau=1.0, seed=0, stream=0, position=0, forced=None):
    """softmax(logits / tau), one category drawn from each row of it (or those of `forced`), and their one-hot rows.

    The same seed, stream and position give the same draws. An estimator's gradient needs the softmax at tau = 1.
    """
    check_tau(tau)
    logits = _matrix(logits)
    rows = len(logits)
    noise = _noise(seed, stream, position)
    if forced is not None:
        forced = _indices(forced, rows, logits.shape[1])
        noise.forced, noise.len = forced.ctypes.data, rows
    probs, one_hot, index = np.empty_like(logits), np.empty_like(logits), np.empty(rows, dtype=np.uint32)
    outputs = (x.ctypes.data for x in (probs, index, one_hot))
    _run("reinmax_sample", logits.ctypes.data, *logits.shape, tau, ctypes.byref(noise), *outputs)
    return probs, index, one_hot


def draw(probs, seed=0, stream=0, position=0, uniforms=None):
    """One category for each row of probs: from uniforms in [0, 1), one a row, or from outputs position .. of (seed, stream)."""
    probs = _matrix(probs)
    noise = _noise(seed, stream, position)
    if uniforms is not None:
        uniforms = np.ascontiguousarray(uniforms, dtype=np.float32)
        noise.uniforms, noise.len = uniforms.ctypes.data, uniforms.size
    index = np.empty(probs.shape[0], dtype=np.uint32)
    _run("reinmax_draw", probs.ctypes.data, *probs.shape, 1, ctypes.byref(noise), index.ctypes.data)
    return index


def one_hot(index, k):
    """A row of k zeros and a single one for each index."""
    index = _indices(index, len(index), k)
    out = np.empty((len(index), k), dtype=np.float32)
    _run("reinmax_one_hot", index.ctypes.data, len(index), k, out.ctypes.data)
    return out


def reinmax_backward(logits, probs, index, upstream, tau=1.0):
    """ReinMax's gradient of the logits, from the gradient of the loss with respect to each one-hot row.

    probs is softmax(logits), whatever tau is: the temperature is that of the backward pass alone.
    """
    check_tau(tau)
    logits = _matrix(logits)
    probs, upstream = _matrix(probs, logits.shape), _matrix(upstream, logits.shape)
    index = _indices(index, *logits.shape)
    grad = np.zeros_like(logits)
    inputs = (x.ctypes.data for x in (logits, probs, index))
    _run("reinmax_backward_reinmax", tau, *inputs, None, upstream.ctypes.data, *logits.shape, 1, grad.ctypes.data)
    return grad
