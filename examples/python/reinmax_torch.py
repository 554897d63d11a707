"""reinmax(logits, tau) for PyTorch on the CPU, in place of that of the package `reinmax`: same arguments, same results.

    sample, probs = reinmax(logits, tau=1.1)                    # draws depend on torch.manual_seed
    sample, probs = reinmax(logits, tau=1.1, index=categories)  # forced
"""

import torch

import reinmax_native as native


class _ReinMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, tau, index):
        forced = None if index is None else index.detach().numpy()
        seed = int(torch.randint(2**62, ())) if forced is None else 0
        probs, ctx.index, one_hot = native.sample(logits.detach().numpy(), seed=seed, forced=forced)
        ctx.tau = tau
        probs, sample = torch.from_numpy(probs), torch.from_numpy(one_hot)
        ctx.save_for_backward(logits, probs)
        # An output that no loss uses then costs nothing.
        ctx.set_materialize_grads(False)
        return sample, probs

    @staticmethod
    def backward(ctx, grad_at_sample, grad_at_probs):
        logits, probs = ctx.saved_tensors
        grad = None
        if grad_at_sample is not None:
            upstream = grad_at_sample.contiguous().numpy()
            grad = native.reinmax_backward(logits.detach().numpy(), probs.numpy(), ctx.index, upstream, ctx.tau)
            grad = torch.from_numpy(grad)
        if grad_at_probs is not None:
            # Through softmax's own output: its Jacobian.
            through_probs = probs * (grad_at_probs - (probs * grad_at_probs).sum(-1, keepdim=True))
            grad = through_probs if grad is None else grad + through_probs
        return grad, None, None


def reinmax(logits, tau, index=None):
    """One-hot samples of softmax(logits) along the last dimension, and that softmax. float32, on the CPU."""
    if logits.dtype != torch.float32 or logits.device.type != "cpu":
        raise TypeError(f"float32 on the CPU is needed, not {logits.dtype} on {logits.device}")
    native.check_tau(tau)
    shape = logits.shape
    rows = logits.reshape(-1, shape[-1])
    sample, probs = _ReinMax.apply(rows, float(tau), None if index is None else index.reshape(-1))
    return sample.view(shape), probs.view(shape)
