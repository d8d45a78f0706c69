"""The state space block of Mamba: a selective scan over short sequences.

Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv 2312.00752,
section 3 (the scan) and figure 3 (the block). On a GPU with mamba-ssm installed the scan is its
kernel; everywhere else it is the one below, which is equal to it but for rounding.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from importlib import metadata

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Scan = Callable[..., Tensor]


def selective_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """y_t = C_t h_t + D u_t with h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t and h_{-1} = 0.

    `u` and `delta` are (n, L, d), `A` (d, s) is negative, `B` and `C` are (n, L, s), `D` is (d);
    the result is (n, L, d). What a position adds to itself needs no state, so states are made of
    all but the last: half the work for sequences of two. The rest is stepped through, since
    composing the maps h -> a h + b in ceil(log2 L) rounds, though parallel, moves four times the
    memory at the length of 64 that the longest sequences here have.
    """
    now = (delta * (B * C).sum(2, keepdim=True) + D) * u
    if u.shape[1] == 1:
        return now
    decay = torch.exp(delta[:, 1:, None] * A.T)  # (n, L-1, s, d), from each position to the next
    state = (delta * u)[:, :-1, None] * B[:, :-1, :, None]
    if u.shape[1] > 2:
        states = [state[:, 0]]
        for fading, fresh in zip(decay[:, :-1].unbind(1), state[:, 1:].unbind(1), strict=True):
            states.append(fresh + fading * states[-1])
        state = torch.stack(states, 1)
    before = C[:, 1:, None] @ (decay * state)  # (n, L-1, 1, d)
    return now + F.pad(before.squeeze(2), (0, 0, 1, 0))


@functools.cache
def _mamba_kernel() -> Scan | None:
    """mamba-ssm's scan, where the package and its compiled part can be imported."""
    try:
        interface = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    except (ImportError, OSError):
        return None
    return functools.partial(positions_last, interface.selective_scan_fn)


def positions_last(
    scan: Scan, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor
) -> Tensor:
    """Calls a scan of mamba-ssm, which takes (n, d, L) and (n, s, L), with our (n, L, .)."""
    u, delta, B, C = (each.transpose(1, 2).contiguous() for each in (u, delta, B, C))
    return scan(u, delta, A, B, C, D).transpose(1, 2)


def scan_for(device: torch.device) -> tuple[Scan, str]:
    """The scan that runs on a device, and its name for the run's facts."""
    kernel = _mamba_kernel() if device.type == "cuda" else None
    if kernel is None:
        return selective_scan, "hashbench"
    return kernel, f"mamba-ssm {metadata.version('mamba_ssm')}"


class StateSpace(nn.Module):
    """Mamba's block: (n, L, d) -> (n, L, d), each position fed by itself and those before it.

    `state` is the size of the hidden state a channel, `expand` the width of the inner channels in
    units of d, `reach` the length of the causal convolution before the scan.
    """

    def __init__(self, width: int, state: int = 16, expand: int = 2, reach: int = 4) -> None:
        super().__init__()
        inner = expand * width
        self.rank = math.ceil(width / 16)
        self.state = state
        self.reach = reach
        self.project_in = nn.Linear(width, 2 * inner, bias=False)
        self.taps = nn.Parameter(torch.empty(inner, reach).uniform_(-(reach**-0.5), reach**-0.5))
        self.taps_bias = nn.Parameter(torch.empty(inner).uniform_(-(reach**-0.5), reach**-0.5))
        self.select = nn.Linear(inner, self.rank + 2 * state, bias=False)
        self.step = nn.Linear(self.rank, inner)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, state + 1).repeat(inner, 1)))
        self.D = nn.Parameter(torch.ones(inner))
        self.project_out = nn.Linear(inner, width, bias=False)
        self._start()

    def _start(self) -> None:
        """Steps start between 0.001 and 0.1, evenly in their logarithm (section 3.6)."""
        nn.init.uniform_(self.step.weight, -(self.rank**-0.5), self.rank**-0.5)
        low, high = math.log(1e-3), math.log(1e-1)
        steps = torch.exp(torch.rand(len(self.D)) * (high - low) + low)
        with torch.no_grad():
            self.step.bias.copy_(steps + torch.log(-torch.expm1(-steps)))  # softplus inverted

    def _convolved(self, u: Tensor) -> Tensor:
        """(n, L, d) -> (n, L, d): each channel by itself, over the present and what came before.

        A sum of shifted products; torch's grouped convolution is slow backwards on CPUs.
        """
        out = u * self.taps[:, -1] + self.taps_bias
        for back in range(1, min(self.reach, u.shape[1])):
            out = out + F.pad(u[:, :-back] * self.taps[:, -1 - back], (0, 0, back, 0))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """(n, L, d) -> (n, L, d)."""
        u, z = self.project_in(x).chunk(2, dim=2)
        u = F.silu(self._convolved(u))
        rank, B, C = self.select(u).split([self.rank, self.state, self.state], dim=2)
        delta = F.softplus(self.step(rank))
        scan, _ = scan_for(x.device)
        y = scan(u, delta, -torch.exp(self.A_log), B, C, self.D)
        out: Tensor = self.project_out(y * F.silu(z))
        return out
