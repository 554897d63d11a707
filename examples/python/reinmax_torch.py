"""reinmax(logits, tau) for PyTorch on the CPU, in place of that of the package `reinmax`: its arguments, its results.

    sample, probs = reinmax(logits, tau=1.1)                    # draws depend on torch.manual_seed
    sample, probs = reinmax(logits, tau=1.1, index=categories)  # forced

Logits of other floating-point types are computed in float32, and the results are of their type. What the original does
not need and this does: logits on the CPU. What it can and this cannot: gradients of gradients (an error says so).
"""

import torch

import reinmax_native as native


class _Gradient(torch.autograd.Function):
    """ReinMax's gradient, a node of its own: whoever differentiates it, on whatever way, gets the error."""

    @staticmethod
    def forward(ctx, logits, probs, upstream, index, tau):
        logits, probs, upstream = (x.detach().contiguous().numpy() for x in (logits, probs, upstream))
        return torch.from_numpy(native.reinmax_backward(logits, probs, index, upstream, tau))

    @staticmethod
    def backward(ctx, upstream):
        raise RuntimeError("reinmax has no second derivative")


class _ReinMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, tau, index):
        forced = None if index is None else index.numpy()
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
            grad = _Gradient.apply(logits, probs, grad_at_sample, ctx.index, ctx.tau)
        if grad_at_probs is not None:
            # Through softmax's own output: its Jacobian.
            through_probs = probs * (grad_at_probs - (probs * grad_at_probs).sum(-1, keepdim=True))
            grad = through_probs if grad is None else grad + through_probs
        return grad, None, None


def reinmax(logits, tau, hard=True, *, index=None):
    """One-hot samples of softmax(logits) along the last dimension, and that softmax.

    tau is a number, or a tensor of one, which gets no gradient. index, of the shape of logits without the last dimension,
    forces the categories. hard is not looked at, as in the original: samples are one-hot.
    """
    if not logits.is_floating_point() or logits.device.type != "cpu":
        raise TypeError(f"floating-point numbers on the CPU are needed, not {logits.dtype} on {logits.device}")
    tau = float(tau.detach() if isinstance(tau, torch.Tensor) else tau)
    native.check_tau(tau)
    shape = logits.shape
    if index is not None:
        index = torch.as_tensor(index).detach()
        if index.shape != shape[:-1]:
            raise ValueError(f"index has the shape {tuple(index.shape)} where {tuple(shape[:-1])} is needed")
        index = index.reshape(-1)
    sample, probs = _ReinMax.apply(logits.float().reshape(-1, shape[-1]), tau, index)
    return sample.view(shape).to(logits.dtype), probs.view(shape).to(logits.dtype)
