"""Losses of baselines against loops over the equations, and what their releases did otherwise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hashbench.methods.base import Method
from hashbench.methods.dchmt.heads import OriginalHead
from hashbench.methods.dchmt.loss import distance_loss, quantisation
from hashbench.methods.dhaph.loss import self_paced_contrast
from hashbench.methods.dnph_tmm.loss import quadratic_information
from hashbench.methods.dnph_tomm.loss import proxy_softmax, uniformity
from hashbench.methods.dsph.loss import irrelevant_pairs, proxy_attraction, proxy_repulsion
from hashbench.methods.dsph.threshold import cosine_threshold, griesmer_distance
from hashbench.nn.optim import BertAdamWithSgd
from hashbench.nn.pairwise_losses import Similarity, similarity
from hashbench.plan.preset import PAPER
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request
from tests.methods.frozen import BITS, batch, items, made

N, K, C = 6, 4, 3
Cosine = Callable[[Tensor, int, Tensor, int], float]


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


H, OTHER, PROXIES = draw(N, K, seed=1), draw(N, K, seed=2), draw(C, K, seed=3)
LABELS = torch.tensor(
    [[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 1], [1, 1, 0]], dtype=torch.float64
)
KNOWN = draw(N, C, seed=4) > -0.8


def weighted() -> Similarity:
    """Of pairs that incomplete labels leave open none counts."""
    similar = similarity(LABELS * KNOWN, KNOWN, LABELS * KNOWN, KNOWN, "ignore")
    assert similar.weight is not None
    assert 0 < float(similar.weight.sum()) < N * N
    return similar


WHOLE = similarity(LABELS, torch.ones_like(KNOWN), LABELS, torch.ones_like(KNOWN), "negative")
SIMILARITIES = pytest.mark.parametrize("similar", [WHOLE, weighted()], ids=["AN", "IU"])


def pairs(similar: Similarity) -> list[tuple[int, int, float]]:
    """(i, j, S_ij) of the pairs that count."""
    return [
        (i, j, float(similar.S[i, j]))
        for i, j in itertools.product(range(N), range(N))
        if similar.weight is None or similar.weight[i, j] > 0
    ]


def cos(x: Tensor, i: int, y: Tensor, j: int) -> float:
    return float(x[i] @ y[j] / (x[i].norm() * y[j].norm()))


@SIMILARITIES
@pytest.mark.parametrize("theta", [0.5, 0.75])
def test_dchmt_draws_similar_pairs_together_and_others_apart(
    similar: Similarity, theta: float
) -> None:
    c, other = (x.reshape(N, -1, 2).softmax(2).flatten(1) for x in (H, OTHER))
    for b in (c, other):
        P = Q = 0.0
        for i, j, S in pairs(similar):
            d, D = float((c[i] - b[j]).norm()), math.sqrt(2 * (K // 2) * theta)
            P += (S * d) ** 2
            Q += ((1 - S) * (D - min(d, D))) ** 2
        expected = (P + Q) / len(pairs(similar))
        assert float(distance_loss(c, b, similar, theta)) == pytest.approx(expected, rel=1e-5)


def test_dchmt_has_a_gradient_where_an_item_meets_itself() -> None:
    c = H.reshape(N, -1, 2).softmax(2).flatten(1).requires_grad_()
    apart = Similarity(torch.zeros_like(WHOLE.S))  # an item without any label is not like itself
    distance_loss(c, c, apart, 0.5).backward()  # type: ignore[no-untyped-call]
    assert c.grad is not None
    assert float(c.grad.abs().max()) < 10


def test_dchmt_quantisation_is_the_newer_repository_s_alone() -> None:
    c = H.reshape(N, -1, 2).softmax(2).flatten(1)
    expected = 1 - sum((2 * x - 1) ** 2 for x in c.flatten().tolist()) / c.numel()
    assert float(quantisation(c)) == pytest.approx(expected)
    train = items()
    for ablate, weight in (("", 0.0), ("newer-head", 0.001)):
        method = made("dchmt", train, ablate=ablate)
        assert method.losses(method.stages()[0], batch(train))["quantisation"].weight == weight


def test_a_tie_of_dchmt_s_logits_is_a_bit_of_minus_one() -> None:
    method = made("dchmt", ablate="newer-head").eval()
    for parameter in method.image_head.bits.parameters():  # type: ignore[union-attr]
        torch.nn.init.constant_(parameter, -1.0)  # all logits are cut to 0
    assert bool((method.encode_image(items().images)[BITS] < 0).all())


def test_dchmt_s_original_head_starts_as_k_small_layers_do() -> None:
    torch.manual_seed(0)
    head = OriginalHead(64, 500)
    bound = float(head.bits.weight.detach().abs().max())
    assert bound == pytest.approx(math.sqrt(6 / 2), rel=1e-2)  # fan-out of 2, not of 2 K


def test_dsph_is_its_sums() -> None:
    zeta = 0.1
    known, labels = KNOWN, LABELS * KNOWN
    one, zero = [], []
    for i, c in itertools.product(range(N), range(C)):
        value = cos(H, i, PROXIES, c)
        if labels[i, c]:
            one.append(1 - value)
        elif known[i, c]:
            zero.append(max(0.0, value - zeta))
    assert float(proxy_attraction(H, PROXIES, labels)) == pytest.approx(sum(one) / len(one))
    repulsion = proxy_repulsion(H, PROXIES, labels, known, zeta)
    assert float(repulsion) == pytest.approx(sum(zero) / len(zero))


@SIMILARITIES
def test_dsph_drives_irrelevant_pairs_of_several_labels_apart(similar: Similarity) -> None:
    several = LABELS.sum(1) > 1
    above = [
        max(0.0, cos(H, i, OTHER, j) + 0.5)
        for i, j, S in pairs(similar)
        if S == 0 and several[i] and several[j]
    ]
    expected = sum(above) / len(above) if above else 0.0
    assert float(irrelevant_pairs(H, OTHER, similar, several, -0.5)) == pytest.approx(expected)
    nobody = torch.zeros_like(several)
    assert float(irrelevant_pairs(H, OTHER, similar, nobody, -0.5)) == 0.0


def test_no_term_of_dsph_draws_an_image_to_its_text() -> None:
    train = items()
    method = made("dsph", train, dropout=0.0)
    few = batch(train)
    terms = method.losses(method.stages()[0], few)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    one_class = train.labels.clone()
    one_class[:] = torch.eye(5)[0]  # all alike: no pair is irrelevant
    alike = type(few)(few.index, few.images, few.texts, one_class, few.known)
    mixed = type(few)(few.index, few.images, few.texts[order], one_class, few.known)
    first, second = (method.losses(method.stages()[0], b) for b in (alike, mixed))
    assert len(terms) == 3
    for name in terms:
        torch.testing.assert_close(first[name].value, second[name].value)


@pytest.mark.parametrize(
    ("classes", "thresholds"),
    [
        (10, (0, 0, -0.03125, -0.0625, -0.0625)),
        (21, (0, 0, 0, 0, -0.0234375)),
        (24, (0, 0, 0, 0, -0.0234375)),
        (80, (0.25, 0.125, 0, 0, 0)),
        (255, (0.375, 0.1875, 0.09375, 0, 0)),
        (291, (0.5, 0.25, 0.125, 0.0625, 0)),
    ],
)
def test_thresholds_of_dsph_are_the_released_ones(
    classes: int, thresholds: tuple[float, ...]
) -> None:
    released = tuple(cosine_threshold(K, classes) for K in (16, 32, 64, 128, 256))
    assert released == thresholds


def test_griesmer_s_bound_holds_for_codes_that_are_known() -> None:
    assert griesmer_distance(7, 4) == 3  # Hamming
    assert griesmer_distance(15, 4) == 8  # simplex
    assert griesmer_distance(3, 5) == 0
    assert cosine_threshold(8, 5) == 1 - 2 * griesmer_distance(8, 3) / 8


def test_dnph_is_a_softmax_over_known_proxies_with_a_margin() -> None:
    labels = LABELS * KNOWN
    total = 0.0
    for i in range(N):
        D = [2 - 2 * cos(H, i, PROXIES, c) + 0.7 * float(labels[i, c]) for c in range(C)]
        rest = sum(math.exp(-D[c]) for c in range(C) if KNOWN[i, c])
        total -= sum(math.log(math.exp(-D[c]) / rest) for c in range(C) if labels[i, c])
    loss = proxy_softmax(H, PROXIES, labels, KNOWN, 0.7)
    assert float(loss) == pytest.approx(total / N)


def test_an_item_of_which_no_label_is_known_gives_dnph_no_gradient() -> None:
    known = KNOWN.clone()
    known[1] = False
    h = H.clone().requires_grad_()
    proxy_softmax(h, PROXIES, LABELS * known, known, 1.0).backward()  # type: ignore[no-untyped-call]
    assert h.grad is not None
    assert bool(h.grad.isfinite().all())
    assert float(h.grad[1].abs().max()) == 0.0
    assert float(h.grad[2].abs().max()) > 0.0


def test_dnph_assigns_the_vectors_with_the_least_sum_of_distances() -> None:
    vectors = torch.where(OTHER >= 0, 1.0, -1.0).to(H.dtype)

    def cost(order: tuple[int, ...]) -> float:
        return sum(float((H[i] - vectors[e]).norm()) for i, e in enumerate(order))

    best = min(itertools.permutations(range(N)), key=cost)
    expected = sum(float(H[i] @ vectors[e]) for i, e in enumerate(best)) / N
    assert float(uniformity(H, vectors)) == pytest.approx(expected)


@torch.enable_grad()
def stepped(name: str, ablate: str) -> tuple[Tensor, Tensor]:
    """Proxies before and after one step of training."""
    train = items()
    method = made(name, train, ablate=ablate).train()
    (stage,) = method.stages()
    before = method.proxies.detach().clone()  # type: ignore[operator, union-attr]
    optimiser = method.optimiser(stage)
    terms = method.losses(stage, batch(train))
    torch.stack([t.weight * t.value for t in terms.values()]).sum().backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return before, method.proxies.detach()  # type: ignore[return-value, operator, union-attr]


def test_proxies_stay_in_the_released_dnph_and_are_trained_otherwise() -> None:
    assert torch.equal(*stepped("dnph-tomm", "released"))
    assert not torch.equal(*stepped("dnph-tomm", ""))
    assert torch.equal(*stepped("dsph", "fixed-proxies"))
    assert not torch.equal(*stepped("dsph", ""))


def test_proxies_follow_sgd_with_momentum_at_a_rate_of_their_own() -> None:
    start, gradients = draw(C, K, seed=5), [draw(C, K, seed=6 + i) for i in range(4)]
    proxies, weights = (torch.nn.Parameter(start.clone()) for _ in range(2))
    groups = [
        {"params": [weights]},
        {"params": [proxies], "sgd_lr": 0.02, "momentum": 0.9, "weight_decay": 5e-4},
    ]
    optimiser = BertAdamWithSgd(groups, lr=0.0)
    expected, velocity = start.clone(), torch.zeros_like(start)
    for gradient in gradients:
        weights.grad, proxies.grad = gradient.clone(), gradient.clone()
        optimiser.param_groups[1]["lr"] = 5.0  # what a schedule writes does not matter
        optimiser.step()
        velocity = 0.9 * velocity + gradient + 5e-4 * expected
        expected = expected - 0.02 * velocity
    torch.testing.assert_close(proxies.detach(), expected)
    assert torch.equal(weights.detach(), start)


@SIMILARITIES
def test_dnph_of_tmm_is_its_squares(similar: Similarity) -> None:
    counted = pairs(similar)
    M = len(counted) / sum(S for *_, S in counted)
    total = 0.0
    for i, j, S in counted:
        Y = (cos(H, i, OTHER, j) + 1) / 2
        total += (S * Y - 1) ** 2 + Y**2 / M
    loss = quadratic_information(H, OTHER, similar)
    assert float(loss) == pytest.approx(total / len(counted))


def test_the_first_square_of_dnph_of_tmm_does_not_move_dissimilar_pairs() -> None:
    none_alike = Similarity(torch.zeros_like(WHOLE.S))
    h = H.clone().requires_grad_()
    loss = quadratic_information(h, OTHER, none_alike)
    loss.backward()  # type: ignore[no-untyped-call]
    # the constant, and no second square without M
    assert float(loss.detach()) == pytest.approx(1.0)
    assert h.grad is not None
    assert float(h.grad.abs().max()) == 0.0


def test_the_released_dnph_of_tmm_sums_over_pairs() -> None:
    train = items()
    mean, total = (
        made("dnph-tmm", train, ablate=ablate, dropout=0.0) for ablate in ("", "released")
    )
    (stage,) = mean.stages()
    n = len(train)
    for name, term in mean.losses(stage, batch(train)).items():
        released = total.losses(stage, batch(train))[name]
        assert released.weight == n * n * term.weight
        torch.testing.assert_close(released.value, term.value)


@SIMILARITIES
@pytest.mark.parametrize("delta", [0.0, 0.6])
def test_dhaph_is_a_ratio_of_weighted_sums(similar: Similarity, delta: float) -> None:
    logs = []
    for i in range(N):
        P = Q = 0.0
        for row, j, S in pairs(similar):
            if row != i:
                continue
            x = cos(H, i, OTHER, j)
            if S:
                P += math.exp(-1 - x) ** (delta / 4) * math.exp(x / 0.3)
            else:
                Q += math.exp(-1 + x) ** delta * math.exp(x / 0.3)
        if P:
            logs.append(math.log(P / (P + Q)))
    assert len(logs) == N - 1  # one item has no label
    expected = -sum(logs) / len(logs)
    loss = self_paced_contrast(H, OTHER, similar, 0.3, delta)
    assert float(loss) == pytest.approx(expected)


def test_dhaph_s_weights_carry_no_gradient_and_grow_with_the_epochs() -> None:
    h = H.clone().requires_grad_()
    self_paced_contrast(h, OTHER, WHOLE, 0.3, 1.0).backward()  # type: ignore[no-untyped-call]
    step = 1e-6
    moved = H.clone()
    moved[1, 2] += step
    slope = (
        self_paced_contrast(moved, OTHER, WHOLE, 0.3, 1.0)
        - self_paced_contrast(H, OTHER, WHOLE, 0.3, 1.0)
    ) / step
    assert h.grad is not None
    assert float(slope) != pytest.approx(float(h.grad[1, 2]), rel=1e-2)
    train = items()
    method = made("dhaph", train, dropout=0.0, epochs=10)
    (stage,) = method.stages()
    values = []
    for _ in range(5):
        terms = method.losses(stage, batch(train))
        values.append(float(terms["across modalities"].value.detach()))
        method.end_epoch(stage)
    assert len(set(values[:4])) == 4
    assert values[4] != values[0]
    method.epoch.fill_(8)  # type: ignore[operator, union-attr]
    late = float(method.losses(stage, batch(train))["across modalities"].value.detach())
    assert late == values[4]  # delta has reached 1 after a third of the epochs


@pytest.mark.parametrize("unknown", ["negative", "ignore"])
def test_dcmh_is_its_sums_over_memory_and_batch(unknown: str) -> None:
    train = items(known_share=0.8)
    method = made("dcmh", train, unknown=unknown, hidden=6, gamma=2.0, eta=0.5)
    (stage,) = method.stages()
    n, N = 5, len(train)
    few = batch(train, torch.arange(3, 3 + n))
    F, G, B = (draw(N, BITS, seed=s).float() for s in (1, 2, 3))
    B = torch.where(B >= 0, 1.0, -1.0)
    for name, memory in (("F", F), ("G", G), ("B", B)):
        method.get_buffer(name).copy_(memory)
    f, g = (
        method.encode_image(few.images)[BITS].detach(),
        method.encode_text(few.texts)[BITS].detach(),
    )
    F[few.index], G[few.index] = f, g
    S = similarity(train.labels, train.known, few.labels, few.known, unknown)
    likelihood = quantisation_ = 0.0
    for i, j in itertools.product(range(N), range(n)):
        if S.weight is not None and not S.weight[i, j]:
            continue
        for memory, codes in ((G, f), (F, g)):
            theta = 0.5 * float(memory[i] @ codes[j])
            likelihood += math.log1p(math.exp(theta)) - float(S.S[i, j]) * theta
    for row, i in enumerate(few.index.tolist()):
        quantisation_ += float((B[i] - f[row]).square().sum() + (B[i] - g[row]).square().sum())
    balance = float(F.sum(0).square().sum() + G.sum(0).square().sum())
    terms = method.losses(stage, few)
    values = {name: float((t.weight * t.value).detach()) for name, t in terms.items()}
    assert values["likelihood"] == pytest.approx(likelihood / (N * n), rel=1e-4)
    assert values["quantisation"] == pytest.approx(2.0 * quantisation_ / (N * n), rel=1e-4)
    assert values["balance"] == pytest.approx(0.5 * balance / (N * n), rel=1e-4)


def test_dcmh_s_three_schedules_differ_as_its_ports_do() -> None:
    def of_paper(*ablate: str) -> tuple[Method, float, float]:
        (spec, *_) = expand(Request(method="dcmh", preset=PAPER, ablate=list(ablate)))
        method = made("dcmh", **{**spec.params, "hidden": 4})
        (stage,) = method.stages()
        lr = method.optimiser(stage).param_groups[0]["lr"]
        return method, stage.schedule(lr, 0.0), stage.schedule(lr, 1.0)

    official, *rates = of_paper()
    assert rates == pytest.approx([10**-1.5, 1e-3])
    assert float(official.get_buffer("F").abs().sum()) == 0
    ported, *rates = of_paper("ported")
    assert rates == pytest.approx([10**-1.5, 1e-6])
    assert float(ported.get_buffer("F").std()) == pytest.approx(1.0, abs=0.2)
