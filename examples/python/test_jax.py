"""The function for JAX against JAX's own derivatives. REINMAX_LIBRARY=... python test_jax.py"""

import unittest

import jax
import jax.numpy as jnp
import numpy as np

from reinmax_jax import reinmax
from test_numpy import GOLDEN, reinmax as formula


def surrogate(logits, tau, index):
    """What the paper differentiates: its value is the one-hot sample, its derivative that of 2 pi - p / 2."""
    e = jax.nn.one_hot(index, logits.shape[-1])
    shifted = jax.lax.stop_gradient((jax.nn.softmax(logits / tau) + e) / 2)
    pi = jax.nn.softmax(logits - jax.lax.stop_gradient(logits) + jnp.log(shifted))
    linear = 2 * pi - jax.nn.softmax(logits) / 2
    return e + linear - jax.lax.stop_gradient(linear)


class Jax(unittest.TestCase):
    def test_same_samples_same_gradients(self):
        # Numbers of numpy: XLA compiles a generator for every shape.
        rng = np.random.default_rng(0)

        @jax.jit
        def ours(logits, tau, index, upstream):
            (sample, probs), pull_back = jax.vjp(lambda x: reinmax(x, tau, index=index), logits)
            return sample, probs, pull_back((upstream, jnp.zeros_like(upstream)))[0]

        @jax.jit
        def theirs(logits, tau, index, upstream):
            return jax.vjp(lambda x: surrogate(x, tau, index), logits)[1](upstream)[0]

        for shape in [(6, 2), (4, 3, 8), (5, 40), (8192, 2)]:
            for tau in [1.0, 1.3]:
                logits, upstream = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
                index = rng.integers(shape[-1], size=shape[:-1]).astype(np.int32)
                sample, probs, grad = ours(logits, tau, index, upstream)
                np.testing.assert_array_equal(sample, jax.nn.one_hot(index, shape[-1]))
                np.testing.assert_allclose(probs, jax.nn.softmax(logits), rtol=0, atol=GOLDEN)
                # Both sides round.
                tolerance = 2 * GOLDEN * float(jnp.abs(upstream).max())
                np.testing.assert_allclose(grad, theirs(logits, tau, index, upstream), rtol=0, atol=tolerance)
                x, i, g = (np.asarray(a, float) for a in (logits, index, upstream))
                k = shape[-1]
                exact = formula(x.reshape(-1, k), i.astype(int).reshape(-1), g.reshape(-1, k), tau).reshape(shape)
                np.testing.assert_allclose(grad, exact, rtol=0, atol=GOLDEN * np.abs(g).max())
                self.assertGreater(np.abs(exact).max(), 1e-2)

    def test_gradient_through_probs(self):
        logits, table = (jax.random.normal(jax.random.key(n), (5, 7)) for n in (1, 2))
        index = jnp.arange(5)
        grad = jax.grad(lambda x: (reinmax(x, 1.0, index=index)[1] * table).sum())(logits)
        expected = jax.grad(lambda x: (jax.nn.softmax(x) * table).sum())(logits)
        np.testing.assert_allclose(grad, expected, rtol=0, atol=GOLDEN * float(jnp.abs(table).max()))

    def test_transformations(self):
        logits = jax.random.normal(jax.random.key(3), (4, 6, 3))
        keys = jax.random.split(jax.random.key(4), 4)

        def loss(x, key, tau):
            sample, probs = reinmax(x, tau, key=key)
            return ((sample - 0.45) ** 2 * probs).sum()

        one_by_one = [jax.grad(loss)(x, key, 1.2) for x, key in zip(logits, keys)]
        together = jax.jit(jax.vmap(jax.grad(loss), in_axes=(0, 0, None)))(logits, keys, 1.2)
        # The same draws; XLA fuses the rest in another order.
        np.testing.assert_allclose(together, jnp.stack(one_by_one), rtol=0, atol=GOLDEN)

    def test_every_argument_can_be_mapped(self):
        logits = jax.random.normal(jax.random.key(3), (4, 6, 3))
        index = jax.random.randint(jax.random.key(5), (4, 6), 0, 3)
        taus = jnp.array([1.0, 1.1, 1.2, 1.3])

        def grad(x, index, tau):
            return jax.grad(lambda x: ((reinmax(x, tau, index=index)[0] - 0.45) ** 3).sum())(x)

        one_by_one = jax.jit(grad)
        for axes in [(0, 0, 0), (None, 0, None), (None, None, 0)]:
            arguments = [x if axis == 0 else x[0] for x, axis in zip((logits, index, taus), axes)]
            together = jax.vmap(grad, in_axes=axes)(*arguments)
            for at in range(4):
                one = one_by_one(*(x[at] if axis == 0 else x for x, axis in zip(arguments, axes)))
                np.testing.assert_allclose(together[at], one, rtol=0, atol=GOLDEN)
        twice = jax.vmap(jax.vmap(grad, in_axes=(0, 0, None)), in_axes=(0, 0, None))
        together = twice(logits[:, :, None, :], index[:, :, None], 1.2)[:, :, 0]
        np.testing.assert_allclose(together, grad(logits, index, 1.2), rtol=0, atol=GOLDEN)

    def test_draws_follow_the_key(self):
        logits = jnp.zeros((1000, 4))
        first, again, other = (reinmax(logits, 1.0, key=jax.random.key(n))[0] for n in (5, 5, 6))
        np.testing.assert_array_equal(first, again)
        self.assertFalse((first == other).all())
        # 4.5 standard deviations of a share of one quarter are 0.062.
        np.testing.assert_allclose(first.mean(0), 0.25, atol=0.062)

    def test_it_trains(self):
        @jax.jit
        def step(logits, key):
            return logits - 20 * jax.grad(lambda x: ((reinmax(x, 1.1, key=key)[0][:, 0] - 0.45) ** 2).mean())(logits)

        logits = jnp.zeros((16, 2))
        for key in jax.random.split(jax.random.key(0), 200):
            logits = step(logits, key)
        # Category 1, z = 0, is the nearer to 0.45.
        self.assertGreater((logits[:, 1] - logits[:, 0]).mean(), 1)

    def test_errors(self):
        for wrong in [{}, {"key": jax.random.key(0), "index": jnp.zeros(2, int)}]:
            with self.assertRaisesRegex(TypeError, "either a key or the categories"):
                reinmax(jnp.zeros((2, 3)), 1.0, **wrong)
        with self.assertRaisesRegex(TypeError, "float32"):
            reinmax(jnp.zeros((2, 3), jnp.float16), 1.0, index=jnp.zeros(2, int))
        for index in [jnp.zeros((3, 2), int), jnp.zeros(6, int), jnp.zeros((2, 3))]:
            with self.assertRaisesRegex(ValueError, r"whole numbers of the shape \(2, 3\)"):
                reinmax(jnp.zeros((2, 3, 4)), 1.0, index=index)
        with self.assertRaisesRegex(ValueError, r"index\[1\] = 3 is none of 3"):
            reinmax(jnp.zeros((2, 3)), 1.0, index=jnp.array([0, 3]))


if __name__ == "__main__":
    unittest.main()
