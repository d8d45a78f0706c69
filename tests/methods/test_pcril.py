"""PCRIL as a method, on items whose features are what their label sets say."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hashbench.errors import InputError
from hashbench.methods.base import Batch, total
from hashbench.methods.context import MethodContext, TrainingSet
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


def batch(model: Pcril, size: int = 16) -> Batch:
    train, index = model.context.train, torch.arange(size)
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


def names_of(model: Pcril) -> list[str]:
    return [stage.name for stage in model.stages()]


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
    model = method(ablate=ablate)
    stage = model.stages()[0]
    model.begin_stage(stage)
    optimiser = model.optimiser(stage)
    recoverer = model.recoverer
    assert recoverer is not None
    first = last = 0.0
    for step in range(60):
        torch.manual_seed(step)
        loss = total(model.losses(stage, batch(model)).values())
        optimiser.zero_grad()
        loss.backward()
        last = float(loss.detach())
        first = first or last
        if not step:
            for name, parameter in model.named_parameters():
                moved = parameter.grad is not None and bool((parameter.grad != 0).any())
                assert moved == name.startswith("recoverer.prompts."), name
        for group in optimiser.param_groups:
            group["lr"] = 0.03
        optimiser.step()
    assert last < 0.6 * first
    recovered = model.recovered(stage)
    assert recovered is not None
    assert recovered.values["prompt drift"] > 0
    rates = [
        recovered.values[f"violated {kind}"] for kind in ("deletion", "addition", "replacement")
    ]
    assert all(0 < rate < 1 for rate in rates)
    assert len(recovered.items) == 8
    model.end_epoch(stage)
    again = model.recovered(stage)
    assert again is not None
    assert not [name for name in again.values if name.startswith("violated")]  # no 0/0


def trained() -> Pcril:
    model = method()
    stage = model.stages()[0]
    optimiser = model.optimiser(stage)
    for step in range(40):
        torch.manual_seed(step)
        optimiser.zero_grad()
        total(model.losses(stage, batch(model, N)).values()).backward()
        for group in optimiser.param_groups:
            group["lr"] = 0.03
        optimiser.step()
    return model


def test_search_adds_unknown_entries_only_and_tells_how() -> None:
    model = trained()
    train = model.context.train
    _, full = items()
    stage = model.stages()[1]
    model.begin_stage(stage)
    added = (model.labels == 1) & (train.labels == 0)
    assert int(added.sum()) > 10
    assert not (added & train.known).any()
    assert bool((model.labels[train.labels == 1] == 1).all())
    right = float(full[added].double().mean())
    assert right > float(full[~train.known].double().mean()) + 0.1  # better than taking any
    recovered = model.recovered(stage)
    assert recovered is not None
    assert torch.equal(recovered.added, added)
    assert len(recovered.items) == N
    for path in recovered.paths:
        classes = {c for c, _ in path.steps}
        assert classes == set(added[path.item].nonzero()[:, 0].tolist())
        scores = [path.start, *(score for _, score in path.steps)]
        gains = [after - before for before, after in pairwise(scores)]
        assert all(gain >= 0.5 for gain in gains)
        if path.stop is not None:
            assert path.stop[1] - scores[-1] < 0.5
        joined = [c for c, _ in path.steps]
        assert len(path.runners_up) == len(path.steps)
        for number, others in enumerate(path.runners_up):
            reached = [score for _, score in others]
            assert reached == sorted(reached, reverse=True)
            assert all(score <= path.steps[number][1] + 1e-3 for score in reached)
            assert not {c for c, _ in others} & set(joined[: number + 1])
            assert not any(bool(train.known[path.item, c]) for c, _ in others)
    assert model.recovered(model.stages()[2]) is None


def test_what_was_recovered_is_in_the_state_of_the_module() -> None:
    model = trained()
    model.begin_stage(model.stages()[1])
    other = method()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.labels, model.labels)
    one, same = model.recovered(model.stages()[1]), other.recovered(model.stages()[1])
    assert one is not None
    assert same is not None
    assert torch.equal(one.added, same.added)
    assert list(one.paths) == list(same.paths)


def test_pseudo_labels_are_the_clipped_gain() -> None:
    model = method(ablate=("one-step",))
    model.begin_stage(model.stages()[1])
    recoverer = model.recoverer
    assert recoverer is not None
    result = recoverer.search(torch.arange(N))
    tried = result.gain.isfinite()
    wanted = (0.5 + result.gain[tried] / 1.0).clamp(0, 1)
    torch.testing.assert_close(model.labels[tried], wanted)
    assert bool((model.labels[result.added] == 1).all())
    assert bool(((model.labels > 0) & (model.labels < 1)).any())
    known = model.context.train.known
    assert torch.equal(model.labels[known], model.context.train.labels[known])


def after_search(**params: Any) -> Pcril:
    """A method whose prompts are raw and whose labels are searched, ready to hash."""
    model = method(ablate=("phrasal",), **params)
    for stage in model.stages():
        model.begin_stage(stage)
    return model


def test_pseudo_labels_of_0_become_known_negatives() -> None:
    model = after_search()
    train = model.context.train
    known = train.known & (train.labels == 0)
    assert bool((model.negative & ~known).any())
    assert bool((model.negative | ~known).all())  # what was known stays
    assert torch.equal(model.negative & ~known, (model.labels == 0) & ~train.known)
    before, after = model.uncertain.tolist()
    recovered = model.recovered(model.stages()[0])
    assert recovered is not None
    assert recovered.values["uncertain pairs before"] == pytest.approx(before)
    assert recovered.values["uncertain pairs after"] == pytest.approx(after)
    assert 0 <= after < before < 1
    for params in ({"pseudo_negatives": False}, {"pseudo_labels": False}):
        other = after_search(**params)
        assert torch.equal(other.negative, known)
        assert after < float(other.uncertain[1]) <= before


def mixed_similarity(model: Pcril, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Any]]:
    """The similarity of mixed pairs, and the partners of the batch, as the loss gets them."""
    seen: list[Any] = []
    monkeypatch.setattr(
        "hashbench.methods.pcril.method.likelihood",
        lambda memory, h, similar: seen.append(similar) or (memory[0, 0] * h).sum(),
    )
    torch.manual_seed(3)
    model.losses(model.stages()[-1], batch(model))
    torch.manual_seed(3)
    choice = torch.randint(model.partners.shape[1], (16, 1))
    return seen[2], model.partners[:16].gather(1, choice)[:, 0].tolist()


def test_mixed_labels_take_unknown_for_0_and_every_mixed_pair_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # without recovery labels are those known; plain pairs leave unknown ones out, lambda is 0.8
    model = method(ablate=("no-PCR", "IU"))
    (stage,) = model.stages()
    model.begin_stage(stage)
    similar, partners = mixed_similarity(model, monkeypatch)
    assert similar.weight is None
    positive = model.context.train.labels
    for j, partner in enumerate(partners):
        mixed = 0.8 * positive[j] + 0.2 * positive[partner]
        for i in range(N):
            wanted = 1.0 - float((1 - positive[i] * mixed).prod())
            assert float(similar.S[i, j].detach()) == pytest.approx(wanted, abs=1e-6)
    rebuilt = model.end_epoch(stage)["mixed dissimilar pairs"]
    assert rebuilt == pytest.approx(float((similar.S == 0).double().mean()))
    assert rebuilt > 0.1


def test_mixed_pairs_can_need_known_labels_as_plain_ones_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = method(ablate=("no-PCR", "IU", "ternary-mixing"))
    (stage,) = model.stages()
    model.begin_stage(stage)
    similar, partners = mixed_similarity(model, monkeypatch)
    assert similar.weight is not None
    both = model.negative[:16] & model.negative[partners]
    certain = (model.negative[:, None] | both[None]).all(2)
    assert torch.equal(similar.weight > 0, (similar.S > 0) | certain)
    rebuilt = model.end_epoch(stage)["mixed dissimilar pairs"]
    assert rebuilt == pytest.approx(float((certain & (similar.S == 0)).double().mean()))


def test_where_nothing_is_unknown_nothing_is_mixed() -> None:
    train, _ = items(ratio=1.1)
    model = method(train, ablate=("no-PCR",))
    assert "no training label is unknown" in model.facts()["augmentation"]
    (stage,) = model.stages()
    model.begin_stage(stage)
    assert set(model.losses(stage, batch(model))) == {"similarity", "quantisation"}
    assert not [name for name in model.end_epoch(stage) if name.startswith("mix")]
    learned = [p for group in model.optimiser(stage).param_groups for p in group["params"]]
    assert not any(p is model.mixing for p in learned)
    # one single unknown entry is enough to mix, and only its own item
    train.known[3, 0] = False
    train.labels[:, 0] = 0
    train.labels[7, 0] = 1
    model = method(train, ablate=("no-PCR",))
    model.begin_stage(model.stages()[0])
    assert "mixed similarity" in model.losses(model.stages()[0], batch(model))
    moved = (model.partners != torch.arange(N)[:, None]).nonzero().tolist()
    assert moved == [[3, 0]]
    assert int(model.partners[3, 0]) == 7
    assert not model.facts()


def test_similarity_and_quantisation_keep_the_ratio_of_the_paper_s_sums() -> None:
    """However many pairs are left out: sums over pairs and bits, divided by all N n pairs."""
    for ablate in (("B", "IU"), ("B", "AN")):
        model = method(ablate=ablate, eta=2.0)
        (stage,) = model.stages()
        model.begin_stage(stage)
        part = batch(model)
        terms = model.losses(stage, part)
        h_v, h_t = model.image_head(part.images), model.text_head(part.texts)
        similar = model._similarity(part.index)
        mask = torch.ones_like(similar.S) if similar.weight is None else similar.weight
        assert bool((mask < 1).any()) == (ablate == ("B", "IU"))
        pairs = torch.zeros(())
        for memory, h in ((model.V, h_t), (model.T, h_v)):
            theta = 0.5 * memory @ h.T
            pairs = pairs + (mask * (F.softplus(theta) - similar.S * theta)).sum()
        bits = sum(((model.B[part.index] - h) ** 2).sum() for h in (h_v, h_t))
        wanted = (pairs + 2.0 * bits) / (N * len(part.index))
        torch.testing.assert_close(total(terms.values()), wanted)


def test_specific_codes_are_quantised_to_their_own_signs() -> None:
    model = method(ablate=("B", "specific-codes"))
    (stage,) = model.stages()
    model.begin_stage(stage)
    part = batch(model)
    quantisation = model.losses(stage, part)["quantisation"].value
    codes = [model.image_head(part.images), model.text_head(part.texts)]
    own = sum((torch.where(h >= 0, 1.0, -1.0) - h).square().mean() for h in codes)
    torch.testing.assert_close(quantisation, own.double())
    shared = sum((model.B[part.index] - h).square().mean() for h in codes)
    assert quantisation.item() < shared.item()


def test_released_looks_for_partners_before_recovery_and_draws_with_replacement() -> None:
    model = method(ablate=("released", "phrasal"), top_k=1, partners="largest")
    assert all(stage.replacement for stage in model.stages() if stage.epochs)
    for stage in model.stages():
        model.begin_stage(stage)
    train = model.context.train
    overlap = ((~train.known).double() @ train.labels.T).fill_diagonal_(-1)
    assert torch.equal(model.partners[:, 0], overlap.max(1).indices)
    assert any(isinstance(m, nn.LocalResponseNorm) for m in model.text_head.modules())
    recovered = method(
        ablate=("released", "phrasal"), top_k=1, partners="largest", partner_labels="recovered"
    )
    for stage in recovered.stages():
        recovered.begin_stage(stage)
    assert not torch.equal(model.partners, recovered.partners)
    assert not any(stage.replacement for stage in method().stages())


@pytest.mark.parametrize("unknown", ["AN", "IU", "ANM"])
def test_hashing_gives_gradient_to_both_networks_and_the_mixing(unknown: str) -> None:
    model = method(ablate=("no-PCR", unknown))
    (stage,) = model.stages()
    model.begin_stage(stage)
    terms = model.losses(stage, batch(model))
    assert set(terms) == {
        "similarity",
        "quantisation",
        "mixed similarity",
        "mixed quantisation",
    }
    total(terms.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool((parameter.grad != 0).any()), name
    assert model.mixing.grad is not None
    assert bool((model.mixing.grad != 0).all())  # of images and of texts


def test_the_mixing_moves_when_it_is_learned_and_stays_when_it_is_fixed() -> None:
    for ablate, moves in ((("no-PCR",), True), (("no-PCR", "fixed-mixing"), False)):
        model = method(ablate=ablate)
        (stage,) = model.stages()
        model.begin_stage(stage)
        before = model.mixing.detach().clone()
        optimiser = model.optimiser(stage)
        total(model.losses(stage, batch(model)).values()).backward()
        optimiser.step()
        assert bool((model.mixing.detach() != before).all()) == moves
        assert model.end_epoch(stage)["mixing image"] == pytest.approx(0.8, abs=0.01)


def test_memories_hold_the_batch_and_targets_change_with_the_epoch() -> None:
    model = method(ablate=("B",))
    (stage,) = model.stages()
    model.begin_stage(stage)
    targets = model.B.clone()
    with torch.no_grad():
        for parameter in model.image_head.parameters():
            parameter.mul_(-3)
    part = batch(model)
    model.losses(stage, part)
    torch.testing.assert_close(model.V[:16], model.encode_image(part.images)[8].detach())
    assert torch.equal(model.B, targets)
    model.end_epoch(stage)
    assert torch.equal(model.B, torch.where(model.V + model.T >= 0, 1.0, -1.0).double())
    assert set(model.losses(stage, part)) == {"similarity", "quantisation"}  # no augmentation


def test_partners_know_what_an_item_does_not() -> None:
    model = method(ablate=("no-PCR",))
    model.begin_stage(model.stages()[0])
    train = model.context.train
    positive, unknown = train.labels == 1, ~train.known
    overlap = (unknown.double() @ positive.double().T).fill_diagonal_(-1)
    best = overlap.gather(1, model.partners)
    assert torch.equal(best[:, 0], overlap.max(1).values)
    inverted = method(ablate=("no-PCR", "inverted-partners"))
    inverted.begin_stage(inverted.stages()[0])
    others = overlap.fill_diagonal_(99)
    assert torch.equal(others.gather(1, inverted.partners)[:, 0], others.min(1).values)


def test_all_labels_known_leaves_nothing_to_recover() -> None:
    train, full = items(ratio=1.1)
    assert torch.equal(train.labels, full.double())
    model = method(train)
    for stage in model.stages()[:2]:
        model.begin_stage(stage)
    recovered = model.recovered(model.stages()[1])
    assert recovered is not None
    assert not recovered.added.any()
    assert torch.equal(model.labels, train.labels)


def test_an_item_without_a_known_class_is_searched_from_the_empty_set() -> None:
    train, _ = items()
    train.labels[:10] = 0
    train.known[:5] = False  # nothing at all is known of these
    model = method(train)
    stage = model.stages()[0]
    model.begin_stage(stage)
    terms = model.losses(stage, batch(model, 10))
    assert total(terms.values()).item() == 0.0  # no anchor can be drawn: they teach nothing
    model.begin_stage(model.stages()[1])
    assert model.recoverer is not None
    empty = model.recoverer.prompts.embed(torch.zeros(1, len(NAMES), dtype=torch.bool))[0].detach()
    v, t = (F.normalize(side[:10], dim=1) for side in (train.images, train.texts))
    torch.testing.assert_close(model.recoverer.search_start[:10], 20.0 * ((v + t) / 2) @ empty)


def test_released_networks_hash_and_normalise_texts_alone() -> None:
    model = method(ablate=("B", "released-networks"))
    (stage,) = model.stages()
    model.begin_stage(stage)
    heads = (model.image_head, model.text_head)
    normalised = [any(isinstance(m, nn.LocalResponseNorm) for m in h.modules()) for h in heads]
    assert normalised == [False, True]
    optimiser, losses = model.optimiser(stage), []
    for step in range(10):
        torch.manual_seed(step)
        loss = total(model.losses(stage, batch(model)).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert all(p.grad is not None for head in heads for p in head.parameters())


def test_without_any_known_positive_there_is_nothing_to_learn_from() -> None:
    train, _ = items()
    train.labels[:] = 0
    model = method(train)
    with pytest.raises(InputError, match="known positive") as caught:
        model.begin_stage(model.stages()[0])
    assert "no-PCR" in str(caught.value)


def test_a_class_name_longer_than_the_context_is_recovered_before_training() -> None:
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


def test_the_hash_networks_have_the_patience_asked_for() -> None:
    stages = {stage.name: stage.patience for stage in method(patience=4).stages()}
    assert stages == {"prompts": 0, "search": 0, "hash": 4}
    assert not any(stage.patience for stage in method().stages())
