"""PCRIL as a method, on items whose features are what their label sets say."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hashbench.errors import InputError
from hashbench.methods.base import Batch, MethodContext, TrainingSet, total
from hashbench.methods.pcril import CARD
from hashbench.methods.pcril.method import Pcril, linear
from hashbench.methods.pcril.recovery.prompts import LearnedPrompts
from tests.methods.pcril_tower import WordTower

NAMES = ("car", "plant life", "sky", "sea", "dog", "night")
TOWER = WordTower(width=24, order=0.1)
N = 48


def items(ratio: float = 0.5, n: int = N) -> tuple[TrainingSet, torch.Tensor]:
    """A training set, half of whose labels are known, and the full labels.

    Features are those of the true names, with noise: what a backbone ideally gives.
    """
    generator = torch.Generator().manual_seed(0)
    full = torch.rand(n, len(NAMES), generator=generator) > 0.6
    known = torch.rand(full.shape, generator=generator) < ratio
    plain = LearnedPrompts(TOWER, NAMES, 0, 0, 0.0).embed(full).detach().double()
    noise = 0.05 * torch.randn(2, *plain.shape, generator=generator)
    image, text = plain + noise
    return TrainingSet(image, text, (full & known).float(), known), full


def method(train: TrainingSet | None = None, ablate: tuple[str, ...] = (), **params: Any) -> Pcril:
    settled = {param.name: param.default for param in CARD.params}
    settled |= {"hidden": 16, "watched": 8, "batch_size": 16, "prompt_batch": 16}
    for name in ablate:
        settled |= CARD.ablation(name).settings
    torch.manual_seed(0)
    context = MethodContext(
        bits=(8,),
        params=settled | params,
        class_names=NAMES,
        train=items()[0] if train is None else train,
        prompts=lambda sentences: torch.zeros(len(sentences), TOWER.width),
        seed=0,
        text_tower=lambda: TOWER,
    )
    return Pcril(context).double()


def batch(found: Pcril, size: int = 16) -> Batch:
    train, index = found.context.train, torch.arange(size)
    return Batch(
        index,
        train.images[index].double(),
        train.texts[index].double(),
        train.labels[index].double(),
        train.known[index],
    )


@pytest.fixture(autouse=True)
def doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tower of these tests counts in double precision; so does all that meets it."""
    made = TrainingSet.__init__

    def init(self: TrainingSet, images: Any, texts: Any, labels: Any, known: Any) -> None:
        made(self, images.double(), texts.double(), labels.double(), known)

    monkeypatch.setattr(TrainingSet, "__init__", init)


def names_of(found: Pcril) -> list[str]:
    return [stage.name for stage in found.stages()]


def test_stages_follow_from_what_is_recovered() -> None:
    assert names_of(method()) == ["prompts", "search", "hash"]
    assert names_of(method(ablate=("phrasal",))) == ["search", "hash"]
    assert names_of(method(ablate=("B", "AN"))) == ["hash"]
    assert [stage.selects for stage in method().stages()] == [False, False, True]


def test_the_paper_s_ablations_combine() -> None:
    cases = {
        ("B",): (False, False, "negative"),
        ("B", "IU"): (False, False, "ignore"),
        ("B", "ANM"): (False, False, "anm"),
        ("B", "AN", "PCR"): (True, False, "negative"),
        ("B", "ANM", "PCR", "CSA"): (True, True, "anm"),
        ("no-PCR",): (False, True, "anm"),
    }
    for ablate, wanted in cases.items():
        params = method(ablate=ablate).context.params
        assert (params["recover"], params["augment"], params["unknown_pairs"]) == wanted
    everything_on = {param.name: param.default for param in CARD.params}
    assert method(ablate=("B", "ANM", "PCR", "CSA")).context.params.items() >= {
        (name, everything_on[name]) for name in ("recover", "augment", "unknown_pairs")
    }


@pytest.mark.parametrize("ablate", [(), ("separate-hinges", "sorted-anchors"), ("conventional",)])
def test_prompt_learning_reaches_prompts_only_and_lowers_the_hinges(
    ablate: tuple[str, ...],
) -> None:
    found = method(ablate=ablate)
    stage = found.stages()[0]
    found.begin_stage(stage)
    optimiser = found.optimiser(stage)
    recoverer = found.recoverer
    assert recoverer is not None
    first = last = 0.0
    for step in range(60):
        torch.manual_seed(step)
        loss = total(found.losses(stage, batch(found)).values())
        optimiser.zero_grad()
        loss.backward()
        last = float(loss.detach())
        first = first or last
        if not step:
            for name, parameter in found.named_parameters():
                moved = parameter.grad is not None and bool((parameter.grad != 0).any())
                assert moved == name.startswith("recoverer.prompts."), name
        for group in optimiser.param_groups:
            group["lr"] = 0.03
        optimiser.step()
    assert last < 0.6 * first
    told = found.recovered(stage)
    assert told is not None
    assert told.values["prompt drift"] > 0
    rates = [told.values[f"violated {kind}"] for kind in ("deletion", "addition", "replacement")]
    assert all(0 < rate < 1 for rate in rates)
    assert len(told.items) == 8
    found.end_epoch(stage)
    again = found.recovered(stage)
    assert again is not None
    assert not [name for name in again.values if name.startswith("violated")]  # no 0/0


def trained() -> Pcril:
    found = method()
    stage = found.stages()[0]
    optimiser = found.optimiser(stage)
    for step in range(40):
        torch.manual_seed(step)
        optimiser.zero_grad()
        total(found.losses(stage, batch(found, N)).values()).backward()
        for group in optimiser.param_groups:
            group["lr"] = 0.03
        optimiser.step()
    return found


def test_search_adds_unknown_entries_only_and_tells_how() -> None:
    found = trained()
    train = found.context.train
    _, full = items()
    stage = found.stages()[1]
    found.begin_stage(stage)
    added = (found.labels == 1) & (train.labels == 0)
    assert int(added.sum()) > 10
    assert not (added & train.known).any()
    assert bool((found.labels[train.labels == 1] == 1).all())
    right = float(full[added].double().mean())
    assert right > float(full[~train.known].double().mean()) + 0.1  # better than taking any
    told = found.recovered(stage)
    assert told is not None
    assert torch.equal(told.added, added)
    assert len(told.items) == N
    for path in told.paths:
        classes = {c for c, _ in path.steps}
        assert classes == set(added[path.item].nonzero()[:, 0].tolist())
        scores = [path.start, *(score for _, score in path.steps)]
        gains = [after - before for before, after in pairwise(scores)]
        assert all(gain >= 0.5 for gain in gains)
        if path.stop is not None:
            assert path.stop[1] - scores[-1] < 0.5
    assert found.recovered(found.stages()[2]) is None


def test_what_was_recovered_is_in_the_state_of_the_module() -> None:
    found = trained()
    found.begin_stage(found.stages()[1])
    other = method()
    other.load_state_dict(found.state_dict())
    assert torch.equal(other.labels, found.labels)
    one, same = found.recovered(found.stages()[1]), other.recovered(found.stages()[1])
    assert one is not None
    assert same is not None
    assert torch.equal(one.added, same.added)
    assert list(one.paths) == list(same.paths)


def test_pseudo_labels_are_the_clipped_gain() -> None:
    found = method(ablate=("one-step",))
    found.begin_stage(found.stages()[1])
    recoverer = found.recoverer
    assert recoverer is not None
    result = recoverer.search(torch.arange(N))
    tried = result.gain.isfinite()
    wanted = (0.5 + result.gain[tried] / 1.0).clamp(0, 1)
    torch.testing.assert_close(found.labels[tried], wanted)
    assert bool((found.labels[result.added] == 1).all())
    assert bool(((found.labels > 0) & (found.labels < 1)).any())
    known = found.context.train.known
    assert torch.equal(found.labels[known], found.context.train.labels[known])


@pytest.mark.parametrize("unknown", ["AN", "IU", "ANM"])
def test_hashing_gives_gradient_to_both_networks_and_the_mixing(unknown: str) -> None:
    found = method(ablate=("no-PCR", unknown))
    (stage,) = found.stages()
    found.begin_stage(stage)
    terms = found.losses(stage, batch(found))
    assert set(terms) == {
        "similarity",
        "quantisation",
        "mixed similarity",
        "mixed quantisation",
    }
    total(terms.values()).backward()
    for name, parameter in found.named_parameters():
        assert parameter.grad is not None, name
        assert bool((parameter.grad != 0).any()), name
    assert found.mixing.grad is not None
    assert bool((found.mixing.grad != 0).all())  # of images and of texts


def test_the_mixing_moves_when_it_is_learned_and_stays_when_it_is_fixed() -> None:
    for ablate, moves in ((("no-PCR",), True), (("no-PCR", "fixed-mixing"), False)):
        found = method(ablate=ablate)
        (stage,) = found.stages()
        found.begin_stage(stage)
        before = found.mixing.detach().clone()
        optimiser = found.optimiser(stage)
        total(found.losses(stage, batch(found)).values()).backward()
        optimiser.step()
        assert bool((found.mixing.detach() != before).all()) == moves
        assert found.end_epoch(stage)["mixing image"] == pytest.approx(0.8, abs=0.01)


def test_memories_hold_the_batch_and_targets_change_with_the_epoch() -> None:
    found = method(ablate=("B",))
    (stage,) = found.stages()
    found.begin_stage(stage)
    targets = found.B.clone()
    with torch.no_grad():
        for parameter in found.image_head.parameters():
            parameter.mul_(-3)
    part = batch(found)
    found.losses(stage, part)
    torch.testing.assert_close(found.V[:16], found.encode_image(part.images)[8].detach())
    assert torch.equal(found.B, targets)
    found.end_epoch(stage)
    assert torch.equal(found.B, torch.where(found.V + found.T >= 0, 1.0, -1.0).double())
    assert set(found.losses(stage, part)) == {"similarity", "quantisation"}  # no augmentation


def test_partners_know_what_an_item_does_not() -> None:
    found = method(ablate=("no-PCR",))
    found.begin_stage(found.stages()[0])
    train = found.context.train
    positive, unknown = train.labels == 1, ~train.known
    overlap = (unknown.double() @ positive.double().T).fill_diagonal_(-1)
    best = overlap.gather(1, found.partners)
    assert torch.equal(best[:, 0], overlap.max(1).values)
    inverted = method(ablate=("no-PCR", "inverted-partners"))
    inverted.begin_stage(inverted.stages()[0])
    others = overlap.fill_diagonal_(99)
    assert torch.equal(others.gather(1, inverted.partners)[:, 0], others.min(1).values)


def test_all_labels_known_leaves_nothing_to_recover() -> None:
    train, full = items(ratio=1.1)
    assert torch.equal(train.labels, full.double())
    found = method(train)
    for stage in found.stages()[:2]:
        found.begin_stage(stage)
    told = found.recovered(found.stages()[1])
    assert told is not None
    assert not told.added.any()
    assert torch.equal(found.labels, train.labels)


def test_an_item_without_a_known_class_is_searched_from_the_empty_set() -> None:
    train, _ = items()
    train.labels[:10] = 0
    train.known[:5] = False  # nothing at all is known of these
    found = method(train)
    stage = found.stages()[0]
    found.begin_stage(stage)
    terms = found.losses(stage, batch(found, 10))
    assert total(terms.values()).item() == 0.0  # no anchor can be drawn: they teach nothing
    found.begin_stage(found.stages()[1])
    assert found.recoverer is not None
    empty = found.recoverer.prompts.embed(torch.zeros(1, len(NAMES), dtype=torch.bool))[0].detach()
    v, t = (F.normalize(side[:10], dim=1) for side in (train.images, train.texts))
    torch.testing.assert_close(found.recoverer.found_start[:10], 20.0 * ((v + t) / 2) @ empty)


def test_released_networks_hash_and_normalise_texts_alone() -> None:
    found = method(ablate=("B", "released-networks"))
    (stage,) = found.stages()
    found.begin_stage(stage)
    heads = (found.image_head, found.text_head)
    normalised = [any(isinstance(m, nn.LocalResponseNorm) for m in h.modules()) for h in heads]
    assert normalised == [False, True]
    optimiser, losses = found.optimiser(stage), []
    for step in range(10):
        torch.manual_seed(step)
        loss = total(found.losses(stage, batch(found)).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert all(p.grad is not None for head in heads for p in head.parameters())


def test_without_any_known_positive_there_is_nothing_to_learn_from() -> None:
    train, _ = items()
    train.labels[:] = 0
    found = method(train)
    with pytest.raises(InputError, match="known positive") as caught:
        found.begin_stage(found.stages()[0])
    assert "no-PCR" in str(caught.value)


def test_a_class_name_longer_than_the_context_is_told_before_training() -> None:
    settled = {param.name: param.default for param in CARD.params}
    context = MethodContext(
        bits=(8,),
        params=settled,
        class_names=("car", "a " * 60),
        train=items()[0],
        prompts=lambda sentences: torch.zeros(1, 1),
        seed=0,
        text_tower=lambda: TOWER,
    )
    with pytest.raises(InputError, match="takes 64 tokens"):
        Pcril(context)


def test_without_a_text_tower_only_recovery_is_refused() -> None:
    settled = {param.name: param.default for param in CARD.params}
    base = {
        "bits": (8,),
        "class_names": NAMES,
        "train": items()[0],
        "prompts": lambda sentences: torch.zeros(1, 1),
        "seed": 0,
    }
    with pytest.raises(InputError, match="--backbone"):
        Pcril(MethodContext(params=settled, **base))
    Pcril(MethodContext(params=settled | {"recover": False}, **base))


def test_the_learning_rate_falls_along_a_line() -> None:
    assert [linear(1e-3, p) for p in (0.0, 1.0)] == pytest.approx([1e-3, 1e-6])
    assert linear(1e-3, 0.5) == pytest.approx((1e-3 + 1e-6) / 2)
    assert linear(0.0, 0.5) == 0.0
