"""The kernels against their formulas in double precision. REINMAX_LIBRARY=... python test_numpy.py"""

import unittest

import numpy as np

import reinmax_native as native

# As tests/src/tolerance.rs: forward values, and estimators against reference values, relative to the greatest one.
FORWARD, GOLDEN = 5e-6, 1e-6


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def reinmax(logits, index, upstream, tau):
    """2 J(pi) g - J(p) g / 2, pi = (softmax(l / tau) + e) / 2."""

    def jacobian_product(p, g):
        return p * (g - (p * g).sum(-1, keepdims=True))

    e = np.eye(logits.shape[1])[index]
    return 2 * jacobian_product((softmax(logits / tau) + e) / 2, upstream) - jacobian_product(softmax(logits), upstream) / 2


class Kernels(unittest.TestCase):
    def test_formulas(self):
        rng = np.random.default_rng(1)
        for rows, k in [(1, 2), (7, 3), (40, 16), (5, 17), (3, 200)]:
            for tau in [1.0, 1.3]:
                logits = rng.normal(size=(rows, k)).astype(np.float32) * 3
                upstream = rng.normal(size=(rows, k)).astype(np.float32)
                index = rng.integers(k, size=rows)
                probs = native.softmax(logits)
                np.testing.assert_allclose(probs, softmax(logits.astype(float)), rtol=0, atol=FORWARD)
                grad = native.reinmax_backward(logits, probs, index, upstream, tau)
                expected = reinmax(logits.astype(float), index, upstream.astype(float), tau)
                np.testing.assert_allclose(grad, expected, rtol=0, atol=GOLDEN * np.abs(upstream).max())
                self.assertGreater(np.abs(expected).max(), 1e-3)

    def test_draws(self):
        probs = np.tile(np.array([[0.25, 0.0, 0.5, 0.25]], np.float32), (100_000, 1))
        index = native.draw(probs, seed=3)
        self.assertTrue((index == native.draw(probs, seed=3)).all())
        self.assertTrue((index[10:] == native.draw(probs[10:], seed=3, position=10)).all())
        # 4.5 standard deviations of a share of one half are 0.0071.
        np.testing.assert_allclose(np.bincount(index, minlength=4) / len(index), probs[0], atol=0.0071)
        self.assertEqual((index == 1).sum(), 0)
        self.assertEqual(native.draw(probs[:3], uniforms=[0.1, 0.25, 0.9]).tolist(), [0, 2, 3])
        self.assertEqual(native.one_hot([2, 0], 3).tolist(), [[0, 0, 1], [1, 0, 0]])

    def test_sample_is_its_three_steps(self):
        logits = np.random.default_rng(2).normal(size=(5_000, 10)).astype(np.float32)
        probs, index, one_hot = native.sample(logits, tau=0.7, seed=3, position=5)
        np.testing.assert_array_equal(probs, native.softmax(logits, tau=0.7))
        np.testing.assert_array_equal(index, native.draw(probs, seed=3, position=5))
        np.testing.assert_array_equal(one_hot, native.one_hot(index, 10))
        _, again, _ = native.sample(logits, forced=index)
        np.testing.assert_array_equal(again, index)

    def test_errors(self):
        with self.assertRaisesRegex(ValueError, "reinmax_softmax: "):
            native.softmax([[np.nan, 0]])
        for tau in [0, -1, np.inf, np.nan, 1e-45]:
            with self.assertRaisesRegex(ValueError, "tau = .* is not a positive finite temperature"):
                native.softmax([[0.0, 1]], tau=tau)
        with self.assertRaisesRegex(ValueError, r"index\[1\] = 3 is none of 3 categories"):
            native.one_hot([0, 3], 3)
        for wrong in [{"seed": -1}, {"stream": 2**64}, {"position": -5}]:
            with self.assertRaisesRegex(ValueError, "is not in 0 to 2\\^64 - 1"):
                native.draw([[0.5, 0.5]], **wrong)


if __name__ == "__main__":
    unittest.main()
