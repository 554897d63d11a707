"""reinmax(logits, tau) for JAX on the CPU, with a gradient of its own: works under jit, grad and vmap.

    sample, probs = reinmax(logits, 1.1, key=jax.random.key(0))    # draws are a function of the key
    sample, probs = reinmax(logits, 1.1, index=categories)         # forced
"""

import jax
import jax.numpy as jnp
import numpy as np

import reinmax_native as native


# vmap puts axes in front of a callback's arguments, of length 1 where an argument is not mapped over. Rows of all of them
# go through one call, but for what may differ between them: seeds and temperatures.


def _together(function, dimensions, *arguments):
    """Calls function(*arguments) for each element of the axes in front; `dimensions` are those of each argument."""
    arguments = [np.asarray(x) for x in arguments]
    front = np.broadcast_shapes(*(x.shape[: x.ndim - n] for x, n in zip(arguments, dimensions)))
    arguments = [np.broadcast_to(x, front + x.shape[x.ndim - n :]) for x, n in zip(arguments, dimensions)]
    results = [function(*(x[at] for x in arguments)) for at in np.ndindex(*front)]
    return np.stack(results).reshape(front + results[0].shape)


def _softmax(logits):
    logits = np.asarray(logits)
    return native.softmax(logits.reshape(-1, logits.shape[-1])).reshape(logits.shape)


def _draw(probs, seed):
    def draw(probs, seed):
        high, low = map(int, seed)
        return native.draw(probs, seed=high << 32 | low).astype(np.int32)

    return _together(draw, (2, 1), probs, seed)


def _gradient(logits, probs, index, upstream, tau):
    tau = np.asarray(tau)
    if tau.size > 1:
        return _together(native.reinmax_backward, (2, 2, 1, 2, 0), logits, probs, index, upstream, tau)
    arguments = [np.asarray(x) for x in (logits, probs, upstream)]
    shape = np.broadcast_shapes(*(x.shape for x in arguments), np.shape(index) + (1,))
    logits, probs, upstream = (np.broadcast_to(x, shape).reshape(-1, shape[-1]) for x in arguments)
    index = np.broadcast_to(index, shape[:-1]).reshape(-1)
    return native.reinmax_backward(logits, probs, index, upstream, tau.item()).reshape(shape)


def _call(function, like, *arguments):
    """A function of numpy's arrays; its result has the shape and the type of `like`."""
    shape = jax.ShapeDtypeStruct(like.shape, like.dtype)
    return jax.pure_callback(function, shape, *arguments, vmap_method="expand_dims")


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


def _check_index(index, shape):
    """Refuses what is not a category for each row. Under jit values are not known: a category that there is not then gives
    a row of zeros, and an error of the gradient's callback."""
    if jnp.shape(index) != shape[:-1] or not jnp.issubdtype(jnp.result_type(index), jnp.integer):
        raise ValueError(f"whole numbers of the shape {shape[:-1]} are needed, not {jnp.result_type(index)} of {jnp.shape(index)}")
    if not isinstance(index, jax.core.Tracer):
        native.check_indices(np.asarray(index).reshape(-1), shape[-1])


def reinmax(logits, tau, *, key=None, index=None):
    """One-hot samples of softmax(logits) along the last dimension, and that softmax. float32; a key or the categories."""
    if logits.dtype != jnp.float32:
        raise TypeError(f"float32 is needed, not {logits.dtype}")
    if (key is None) == (index is None):
        raise TypeError("either a key or the categories are needed")
    # Here, where the caller's line is at hand, and not in a callback.
    if jnp.shape(tau) != ():
        raise ValueError(f"tau is one number, not an array of the shape {jnp.shape(tau)}")
    if not isinstance(tau, jax.core.Tracer):
        native.check_tau(tau)
    if index is not None:
        index = jnp.asarray(index)
        _check_index(index, logits.shape)
    rows = logits.reshape(-1, logits.shape[-1])
    if index is None:
        probs = _call(_softmax, rows, jax.lax.stop_gradient(rows))
        like = jax.ShapeDtypeStruct(rows.shape[:1], jnp.int32)
        index = _call(_draw, like, probs, jax.random.bits(key, (2,), jnp.uint32))
    sample, probs = _rows(rows, jnp.asarray(tau, rows.dtype), jnp.reshape(index, -1))
    return sample.reshape(logits.shape), probs.reshape(logits.shape)
