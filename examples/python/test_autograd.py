"""ReinMax against exact gradients that `autograd` finds. REINMAX_LIBRARY=... python test_autograd.py"""

import itertools
import unittest

import autograd.numpy as np
from autograd import grad
from numpy.testing import assert_allclose

import reinmax_native as native
from reinmax_autograd import reinmax

# Gradients of single precision here, of double precision there, in a mean over all states.
TOLERANCE = 2e-6


def quadratic(rows, k):
    """A loss of degree two in each row, with products between rows."""
    rng = np.random.RandomState(2)
    a, b = rng.normal(size=(rows * k, rows * k)), rng.normal(size=rows * k)
    a /= rows * k
    return lambda z: np.dot(np.dot(a, z.reshape(-1)), z.reshape(-1)) + np.dot(b, z.reshape(-1))


class Autograd(unittest.TestCase):
    def test_mean_over_all_states_is_the_exact_gradient(self):
        """At tau = 1 ReinMax is exact for a loss of degree two in each variable, so for a quadratic one."""
        for rows, k in [(1, 2), (3, 2), (2, 3), (3, 4)]:
            logits = np.random.RandomState(1).normal(size=(rows, k)).astype(np.float32)
            loss = quadratic(rows, k)
            states = [np.array(state) for state in itertools.product(range(k), repeat=rows)]

            def probability(x, state):
                p = np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)
                return np.prod(p[np.arange(rows), state])

            def expectation(x):
                return sum(probability(x, state) * loss(np.eye(k)[state]) for state in states)

            wide = logits.astype(float)
            exact = grad(expectation)(wide)
            mean = sum(
                probability(wide, state) * grad(lambda x: loss(reinmax(x, 1.0, state)))(logits) for state in states
            )
            assert_allclose(mean, exact, rtol=0, atol=TOLERANCE)
            self.assertGreater(np.abs(exact).max(), 0.05)
            # The comparison sees another temperature.
            other = sum(
                probability(wide, state) * grad(lambda x: loss(reinmax(x, 1.2, state)))(logits) for state in states
            )
            self.assertGreater(np.abs(other - exact).max(), 100 * TOLERANCE)

    def test_it_trains(self):
        logits = np.zeros((16, 2), np.float32)
        for step in range(200):
            index = native.draw(native.softmax(logits), seed=1, position=16 * step)
            logits -= 20 * grad(lambda x: np.mean((reinmax(x, 1.1, index)[:, 0] - 0.45) ** 2))(logits)
        # Category 1, z = 0, is the nearer to 0.45.
        self.assertGreater(np.mean(logits[:, 1] - logits[:, 0]), 1)


if __name__ == "__main__":
    unittest.main()
