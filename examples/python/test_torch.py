"""Drop-in against original: the package `reinmax`, its draws forced. Needs torch and reinmax; says so where they are missing.

    REINMAX_LIBRARY=... python test_torch.py
"""

import unittest
from unittest import mock

try:
    import torch
    from reinmax import reinmax as original
except ImportError as missing:
    raise SystemExit(f"not run: {missing}")

from reinmax_torch import reinmax

# As tests/src/tolerance.rs.
GOLDEN = 1e-6
# Losses of several terms: both sides round.
TOLERANCE = 2e-6


class DropIn(unittest.TestCase):
    def test_same_samples_same_gradients(self):
        torch.manual_seed(0)
        for shape in [(6, 2), (4, 3, 8), (5, 40)]:
            for tau in [1.0, 1.3]:
                values = torch.randn(shape) * 2
                index = torch.randint(shape[-1], shape[:-1])
                weights, table = torch.randn(shape), torch.randn(shape)
                results = []
                for function in ("original", "ours"):
                    logits = values.clone().requires_grad_()
                    if function == "original":
                        with mock.patch("torch.multinomial", return_value=index.reshape(-1, 1)):
                            sample, probs = original(logits, tau)
                    else:
                        sample, probs = reinmax(logits, tau, index=index)
                    # Gradients through both outputs.
                    loss = ((sample - 0.45) ** 3 * weights).sum() + (probs**2 * table).sum()
                    loss.backward()
                    results.append((sample.detach(), probs.detach(), logits.grad))
                (sample, probs, grad), (our_sample, our_probs, our_grad) = results
                self.assertTrue(torch.equal(sample, our_sample))
                torch.testing.assert_close(probs, our_probs, rtol=0, atol=TOLERANCE)
                scale = max(weights.abs().max(), table.abs().max()).item()
                torch.testing.assert_close(grad, our_grad, rtol=0, atol=TOLERANCE * scale)
                self.assertGreater(grad.abs().max().item(), 1e-2)

    def test_same_upstream_same_gradients(self):
        torch.manual_seed(1)
        for shape in [(8192, 2), (1024, 16), (64, 10), (30, 200)]:
            for tau in [1.0, 1.1, 1.5]:
                values, upstream = torch.randn(shape), torch.randn(shape)
                index = torch.randint(shape[-1], shape[:-1])
                theirs, ours = (values.clone().requires_grad_() for _ in range(2))
                with mock.patch("torch.multinomial", return_value=index.reshape(-1, 1)):
                    sample, _ = original(theirs, tau)
                sample.backward(upstream)
                sample, _ = reinmax(ours, tau, index=index)
                sample.backward(upstream)
                torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=GOLDEN * upstream.abs().max().item())
                self.assertGreater(theirs.grad.abs().max().item(), 0.1)

    def test_gradient_through_probs_alone(self):
        values, table = torch.randn(5, 7), torch.randn(5, 7)
        ours, softmax = (values.clone().requires_grad_() for _ in range(2))
        (reinmax(ours, 1.0)[1] * table).sum().backward()
        (softmax.softmax(-1) * table).sum().backward()
        torch.testing.assert_close(ours.grad, softmax.grad, rtol=0, atol=GOLDEN * table.abs().max().item())

    def test_draws_follow_the_seed(self):
        logits = torch.zeros(1000, 4)
        torch.manual_seed(5)
        first, _ = reinmax(logits, 1.0)
        again, _ = reinmax(logits, 1.0)
        torch.manual_seed(5)
        same, _ = reinmax(logits, 1.0)
        self.assertTrue(torch.equal(first, same))
        self.assertFalse(torch.equal(first, again))
        # 4.5 standard deviations of a share of one quarter are 0.062.
        torch.testing.assert_close(first.mean(0), torch.full((4,), 0.25), rtol=0, atol=0.062)

    def test_other_types_and_arguments(self):
        values, upstream = torch.randn(4, 5, 3), torch.randn(4, 5, 3)
        index = torch.randint(3, (4, 5))
        exact = values.clone().requires_grad_()
        reinmax(exact, 1.2, index=index)[0].backward(upstream)
        # Half precision rounds its results to 8 bits or more.
        for dtype, tolerance in [(torch.float64, 0), (torch.float16, 2**-7), (torch.bfloat16, 2**-5)]:
            # float64 numbers that float32 has too.
            logits = values.to(dtype).requires_grad_()
            sample, probs = reinmax(logits, torch.tensor(1.2, requires_grad=True), True, index=index)
            self.assertTrue(sample.dtype == probs.dtype == dtype)
            sample.backward(upstream.to(dtype))
            self.assertEqual(logits.grad.dtype, dtype)
            torch.testing.assert_close(logits.grad.float(), exact.grad, rtol=0, atol=tolerance * upstream.abs().max().item())

    def test_errors(self):
        logits = torch.zeros(2, 3, 4, requires_grad=True)
        for index in [torch.zeros(3, 2, dtype=int), torch.zeros(6, dtype=int)]:
            with self.assertRaisesRegex(ValueError, r"index has the shape .* where \(2, 3\) is needed"):
                reinmax(logits, 1.0, index=index)
        with self.assertRaisesRegex(ValueError, "whole numbers"):
            reinmax(logits, 1.0, index=torch.zeros(2, 3))
        with self.assertRaisesRegex(TypeError, "floating-point numbers on the CPU"):
            reinmax(torch.zeros(2, 3, dtype=int), 1.0)
        with self.assertRaisesRegex(ValueError, "tau"):
            reinmax(logits, 0.0)
        sample, probs = reinmax(logits, 1.0)
        (grad,) = torch.autograd.grad((sample**2).sum() + (logits**3).sum(), logits, create_graph=True)
        for second in [lambda loss: loss.backward(), lambda loss: torch.autograd.grad(loss, logits)]:
            with self.assertRaisesRegex(RuntimeError, "no second derivative"):
                second((grad**2).sum())
                self.fail("a wrong second derivative")

    def test_second_derivative_through_probs(self):
        values = torch.randn(3, 4)
        results = []
        for function in (lambda x: reinmax(x, 1.0)[1], lambda x: x.softmax(-1)):
            logits = values.clone().requires_grad_()
            (grad,) = torch.autograd.grad((function(logits) ** 3).sum(), logits, create_graph=True)
            results.append(torch.autograd.grad((grad**2).sum(), logits)[0])
        torch.testing.assert_close(results[0], results[1], rtol=0, atol=GOLDEN)

    def test_it_trains(self):
        torch.manual_seed(0)
        logits = torch.zeros(16, 2, requires_grad=True)
        adam = torch.optim.Adam([logits], lr=0.1)
        for _ in range(200):
            adam.zero_grad()
            sample, _ = reinmax(logits, 1.1)
            ((sample[:, 0] - 0.45) ** 2).mean().backward()
            adam.step()
        # Category 1, z = 0, is the nearer to 0.45.
        self.assertGreater((logits[:, 1] - logits[:, 0]).mean().item(), 1)


if __name__ == "__main__":
    unittest.main()
