"""reinmax(logits, tau) for JAX on the CPU, with a gradient of its own: works under jit, grad and vmap.

    sample, probs = reinmax(logits, 1.1, key=jax.random.key(0))    # draws are a function of the key
    sample, probs = reinmax(logits, 1.1, index=categories)         # forced
"""

import jax
import jax.numpy as jnp
import numpy as np

import reinmax_native as native


def _softmax(logits):
    return native.softmax(np.asarray(logits))


def _draw(probs, seed):
    high, low = map(int, np.asarray(seed))
    return native.draw(np.asarray(probs), seed=high << 32 | low).astype(np.int32)


def _gradient(logits, probs, index, upstream, tau):
    logits, probs, index, upstream = map(np.asarray, (logits, probs, index, upstream))
    return native.reinmax_backward(logits, probs, index, upstream, float(tau))


def _call(function, like, *arguments):
    """A function of numpy's arrays; its result has the shape and the type of `like`."""
    shape = jax.ShapeDtypeStruct(like.shape, like.dtype)
    return jax.pure_callback(function, shape, *arguments, vmap_method="sequential")


@jax.custom_vjp
def _rows(logits, tau, index):
    return _forward(logits, tau, index)[0]


def _forward(logits, tau, index):
    probs = _call(_softmax, logits, logits)
    sample = jax.nn.one_hot(index, logits.shape[-1], dtype=logits.dtype)
    return (sample, probs), (logits, probs, tau, index)


def _backward(saved, upstream):
    logits, probs, tau, index = saved
    at_sample, at_probs = upstream
    grad = _call(_gradient, logits, logits, probs, index, at_sample, tau)
    # Through softmax's own output: its Jacobian.
    grad += probs * (at_probs - (probs * at_probs).sum(-1, keepdims=True))
    return grad, jnp.zeros_like(tau), None


_rows.defvjp(_forward, _backward)


def reinmax(logits, tau, *, key=None, index=None):
    """One-hot samples of softmax(logits) along the last dimension, and that softmax. float32; a key or the categories."""
    if logits.dtype != jnp.float32:
        raise TypeError(f"float32 is needed, not {logits.dtype}")
    if (key is None) == (index is None):
        raise TypeError("either a key or the categories are needed")
    if not isinstance(tau, jax.core.Tracer):
        native.check_tau(tau)  # here, where the caller's line is at hand, and not in a callback
    rows = logits.reshape(-1, logits.shape[-1])
    if index is None:
        probs = _call(_softmax, rows, jax.lax.stop_gradient(rows))
        like = jax.ShapeDtypeStruct(rows.shape[:1], jnp.int32)
        index = _call(_draw, like, probs, jax.random.bits(key, (2,), jnp.uint32))
    sample, probs = _rows(rows, jnp.asarray(tau, rows.dtype), jnp.reshape(index, -1))
    return sample.reshape(logits.shape), probs.reshape(logits.shape)
