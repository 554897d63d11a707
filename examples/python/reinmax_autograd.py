"""reinmax(logits, tau, index) for numpy with the package `autograd`: the least that another autodiff needs, and no more.

    sample = reinmax(logits, 1.1, native.draw(native.softmax(logits), seed=3))
"""

from autograd.extend import defvjp, primitive

import reinmax_native as native


@primitive
def reinmax(logits, tau, index):
    """The one-hot rows of the drawn categories; the gradient of the logits (rows x k, float32) is ReinMax's."""
    return native.one_hot(index, logits.shape[1])


def _gradient(sample, logits, tau, index):
    probs = native.softmax(logits)
    return lambda upstream: native.reinmax_backward(logits, probs, index, upstream, tau)


defvjp(reinmax, _gradient, argnums=[0])
