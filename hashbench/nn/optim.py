"""How tuned towers and new layers are optimised together.

The releases of PromptHash and PGHMH train with BertAdam: Adam without bias correction, decoupled
weight decay on every tensor, the gradient of each tensor clipped to norm 1. AdamW differs from it
in the bias correction alone here: over the first steps, where the averages have not seen enough
gradients, it takes steps up to 1 / sqrt(1 - b2) = 7 times shorter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.98)
EPS = 1e-6
MAX_NORM = 1.0
LATE = 1e6
"""A step at which b^step is 0 in any precision, for all b up to 0.9999."""


class ClippedAdamW(torch.optim.AdamW):
    """AdamW that first clips the gradient of each tensor to norm 1, as BertAdam does."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Clips, then steps."""
        for group in self.param_groups:
            _clip_each(group["params"])
        return super().step(closure)


class BertAdam(torch.optim.Optimizer):
    """Adam as BERT's code has it: p <- p - lr (m / (sqrt(v) + eps) + decay p), no bias correction.

    m <- b1 m + (1 - b1) g and v <- b2 v + (1 - b2) g^2, with each tensor's gradient g clipped to
    norm 1 (google-research/bert, optimization.py; the clipping is that of its port to PyTorch).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = BETAS,
        eps: float = EPS,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Clips, then steps."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        """One step of a group's tensors that have a gradient."""
        _clip_each(group["params"])
        self._descend(group)

    def _descend(self, group: dict[str, Any]) -> None:
        params: list[Tensor] = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        for p in params:
            if not self.state[p]:
                self.state[p] = {"m": torch.zeros_like(p), "v": torch.zeros_like(p)}
        m, v = ([self.state[p][name] for p in params] for name in ("m", "v"))
        gradients: list[Tensor] = [p.grad for p in params if p.grad is not None]
        # torch's fused kernel goes over memory once where single operations do eight times. At a
        # step as late as this its bias corrections, 1 - b^step, are 1: there are none
        late = [torch.full((), LATE, device=p.device) for p in params]
        b1, b2 = group["betas"]
        torch._fused_adamw_(
            params,
            gradients,
            m,
            v,
            [],
            late,
            lr=group["lr"],
            beta1=b1,
            beta2=b2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


class BertAdamWithSgd(BertAdam):
    """BertAdam for networks, and plain SGD with momentum for the groups that have an `sgd_lr`.

    Class proxies are trained so (DSPH, DNPH): v <- momentum v + g + decay p, p <- p - sgd_lr v,
    without clipping. `sgd_lr` stays what it is, whatever schedule the networks follow.
    """

    def _update(self, group: dict[str, Any]) -> None:
        if "sgd_lr" not in group:
            super()._update(group)
            return
        for p in group["params"]:
            if p.grad is None:
                continue
            gradient = p.grad.add(p, alpha=group["weight_decay"])
            state = self.state[p]
            if "velocity" not in state:
                state["velocity"] = torch.zeros_like(p)
            state["velocity"].mul_(group["momentum"]).add_(gradient)
            p.sub_(state["velocity"], alpha=group["sgd_lr"])


def _clip_each(params: Iterable[nn.Parameter]) -> None:
    """Each tensor's gradient by itself: g min(1, 1 / (|g| + 1e-6)), as torch's clipping has it."""
    gradients: list[Tensor] = [p.grad for p in params if p.grad is not None]
    if not gradients:
        return
    norms = torch.stack(list(torch._foreach_norm(gradients)))
    shares = (MAX_NORM / (norms + 1e-6)).clamp_max(1.0)
    torch._foreach_mul_(gradients, list(shares.unbind()))


def grouped(
    module: nn.Module,
    own_rates: Sequence[tuple[Sequence[nn.Parameter], float]],
    lr: float,
    decay: float,
    kind: str = "adamw",
) -> torch.optim.Optimizer:
    """An optimiser over what a module trains: some tensors at rates of their own, the rest at `lr`.

    Frozen tensors are in no group. `kind` is adamw or bertadam.
    """
    taken = {id(p) for tensors, _ in own_rates for p in tensors}
    rest = [p for p in module.parameters() if id(p) not in taken]
    groups: list[dict[str, Any]] = [
        {"params": trained, "lr": rate}
        for tensors, rate in (*own_rates, (rest, lr))
        if (trained := [p for p in tensors if p.requires_grad])
    ]
    if kind == "bertadam":
        return BertAdam(groups, weight_decay=decay)
    return ClippedAdamW(groups, betas=BETAS, eps=EPS, weight_decay=decay, fused=True)


WARM_UP = 0.05


def warm_cosine(initial: float, progress: float, warm_up: float = WARM_UP) -> float:
    """Rises linearly over the first share `warm_up` of training, then follows
    (1 + cos(pi progress)) / 2.

    As in BertAdam the cosine is not shifted to begin at the end of the warm-up, where it therefore
    falls from 1 to 0.994 at once (after a twentieth; to 0.976 after a tenth).
    """
    if progress < warm_up:
        return initial * progress / warm_up
    return initial * 0.5 * (1.0 + math.cos(math.pi * progress))


class ClippedAdam(torch.optim.Adam):
    """Adam after the gradient of all tensors together is clipped to norm 1."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Clips, then steps."""
        clipped = [p for group in self.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(clipped, MAX_NORM)
        return super().step(closure)
