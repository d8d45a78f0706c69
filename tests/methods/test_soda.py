"""SODA: label prompts, the scale of its losses, what both stages are drawn to and measured by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hashbench.errors import InputError
from hashbench.methods.base import Batch, total
from hashbench.methods.context import MethodContext, TrainingSet
from hashbench.methods.soda import CARD
from hashbench.methods.soda.method import Soda
from hashbench.methods.soda.prompts import context_classes, label_inputs, sentence
from hashbench.plan.request import Request, expand

NAMES = ("sea", "sky", "dog", "night")
N, WIDTH = 40, 12


class Encoder:
    """Gives each sentence a feature of its own, and remembers what it was asked."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def __call__(self, sentences: Sequence[str]) -> Tensor:
        self.sentences += sentences
        seeds = [sum(i * ord(c) for i, c in enumerate(s, 1)) for s in sentences]
        return torch.stack(
            [torch.randn(WIDTH, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        )


def items(n: int = N, seed: int = 0, ratio: float = 1.1) -> TrainingSet:
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(n, len(NAMES), generator=generator) < 0.4).float()
    known = torch.rand(n, len(NAMES), generator=generator) < ratio
    table = torch.randn(2, len(NAMES), WIDTH, generator=torch.Generator().manual_seed(7))
    images, texts = labels @ table + 0.1
    return TrainingSet(images, texts, labels * known, known)


def method(ablate: tuple[str, ...] = (), bits: int = 8, **given: Any) -> Soda:
    params: dict[str, Any] = {param.name: param.default for param in CARD.params}
    params |= {"hidden": 16, "batch_size": 16}
    for name in ablate:
        params |= CARD.ablation(name).settings
    context = {"train": items(), "prompts": Encoder(), **given}
    params |= context.pop("params", {})
    torch.manual_seed(0)
    return Soda(MethodContext(bits=(bits,), params=params, class_names=NAMES, seed=0, **context))


def batch(model: Soda, size: int = 16) -> Batch:
    train, index = model.context.train, torch.arange(size)
    parts = (train.images, train.texts, train.labels, train.known)
    return Batch(index, *(part[index] for part in parts))


def trained(model: Soda, steps: int = 60) -> Soda:
    """Both stages, a few steps each."""
    for stage in model.stages():
        model.begin_stage(stage)
        optimiser = model.optimiser(stage)
        for _ in range(steps):
            optimiser.zero_grad()
            total(model.losses(stage, batch(model, N)).values()).backward()
            optimiser.step()
        model.end_epoch(stage)
    return model


# --- label prompts


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ((), "a photo of something!"),
        (("sea",), "a photo of sea!"),
        (("sea", "sky"), "a photo of sea and sky!"),
        (("sea", "sky", "dog"), "a photo of sea, sky and dog!"),
    ],
)
def test_a_template_holds_the_names_where_its_braces_are(
    names: tuple[str, ...], wanted: str
) -> None:
    assert sentence("a photo of {}!", names) == wanted
    with_context = sentence("An image of {}.", ["sea"], ["sky", "dog"])
    assert with_context == "An image of sea, often seen with sky and dog."


def test_a_template_of_one_s_own_reaches_the_prompts() -> None:
    (spec,) = expand(Request(set={"template": "today, a photo of {}"}))
    encoder = Encoder()
    model = method(prompts=encoder, params={"template": spec.params["template"]})
    assert "today, a photo of sea and sky" in encoder.sentences
    assert len(encoder.sentences) == len(torch.unique(model.context.train.labels, dim=0))


@pytest.mark.parametrize("template", ["a photo", "{} and {}", "", "a {0}"])
def test_a_template_without_one_place_for_the_names_is_refused(template: str) -> None:
    with pytest.raises(InputError, match="--set template") as caught:
        expand(Request(set={"template": template}))
    assert "with one {}" in str(caught.value)
    assert caught.value.exit_code == 2


STATES = st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=4, max_size=4), min_size=1)


@settings(max_examples=40, deadline=None)
@given(STATES)
def test_context_is_what_a_loop_over_items_counts(state: list[list[int]]) -> None:
    table = torch.tensor(state)
    train = TrainingSet(table, table, (table == 1).float(), table >= 0)
    sets = torch.unique(train.labels > 0, dim=0)
    for members, context in zip(sets.tolist(), context_classes(train, sets), strict=True):
        inside = [k for k in range(4) if members[k]]
        scores = {}
        for c in range(4):
            shares = []
            for k in inside:
                seen = [row[c] for row in state if row[k] == 1 and row[c] >= 0]
                shares.append(sum(seen) / max(1, len(seen)))
            alone = [row[c] for row in state if row[c] >= 0]
            share = sum(shares) / max(1, len(shares))
            if c not in inside and inside and share > sum(alone) / max(1, len(alone)) + 1e-12:
                scores[c] = share
        assert set(context) <= set(scores)
        assert len(context) == min(2, len(scores))
        assert [scores[c] for c in context] == pytest.approx(
            sorted(scores.values(), reverse=True)[: len(context)]
        )


@pytest.mark.parametrize("prompt", ["sentence", "context", "averaged"])
def test_items_of_one_label_set_share_their_prompt(prompt: str) -> None:
    train = items()
    context = method(params={"prompt": prompt}).context
    inputs = label_inputs(context, prompt, "An image of {}.")
    same = (train.labels[:, None] == train.labels[None]).all(2)
    near = (inputs[:, None] - inputs[None]).abs().amax(2) < 1e-5
    assert torch.equal(near, same)


def test_features_of_unknown_encoders_get_label_vectors_and_say_so() -> None:
    encoder = Encoder()
    model = method(prompts=encoder, encodes_prompts=False)
    assert not encoder.sentences
    assert torch.equal(model._label_inputs, model.context.train.labels)
    assert "one-hot" in model.facts()["label prompts"]
    assert not method().facts()
    assert not method(("no-prompt",), encodes_prompts=False).facts()  # nothing else was asked for


# --- losses


@pytest.mark.parametrize("ratio", [1.1, 0.4])
def test_alpha_and_beta_weigh_sums_over_bits_against_sums_over_pairs(ratio: float) -> None:
    train = items(ratio=ratio)
    model = method(train=train, unknown="ignore", params={"alpha": 3.0, "beta": 3.0})
    part = batch(model)
    S = ((train.labels @ part.labels.T) > 0).float()
    certain = (~train.labels.bool() & train.known)[:, None] | (~part.labels.bool() & part.known)[
        None
    ]
    counts = ((S > 0) | certain.all(2)).float()
    assert bool((counts < 1).any()) == (ratio < 1)

    def phi1(memory: Tensor, h: Tensor) -> Tensor:
        theta = 0.5 * memory @ h.T
        return (counts * (F.softplus(theta) - S * theta)).sum()

    teacher, student = model.stages()
    for stage, alone in ((teacher, False), (student, True)):
        model.begin_stage(stage)
        loss = total(model.losses(stage, part).values())
        B = model.B[part.index]
        if alone:
            h_t = model.text_head(part.texts)
            wanted = phi1(model.B, h_t) + 3.0 * (B - h_t).square().sum()
        else:
            h_v = model.image_head(part.images)
            h_l = model.label_head(model._label_inputs[part.index])
            wanted = (phi1(model.H_l, h_v) + phi1(model.H_v, h_l)) / 2
            wanted = wanted + 3.0 * ((B - h_v).square().sum() + (B - h_l).square().sum())
        torch.testing.assert_close(loss, wanted / (N * len(part.index)))


def test_specific_codes_are_binarised_to_their_own_signs() -> None:
    models = [method(), method(("specific-codes",))]
    for number in (0, 1):
        phi2 = []
        for model in models:
            stage = model.stages()[number]
            model.begin_stage(stage)
            phi2.append(model.losses(stage, batch(model))["Phi2"].value.item())
        assert phi2[1] < phi2[0]  # no sign is nearer than one's own
    (stage, _), part = models[1].stages(), batch(models[1])
    models[1].begin_stage(stage)
    value = models[1].losses(stage, part)["Phi2"].value
    codes = (
        models[1].image_head(part.images),
        models[1].label_head(models[1]._label_inputs[:16]),
    )
    own = sum(((h.detach().abs() - 1) ** 2).mean() for h in codes)
    torch.testing.assert_close(value.detach(), own)


# --- the quality of stage 1


def test_stage_1_is_measured_on_fitted_and_on_validation_images() -> None:
    strangers = items(30, seed=1)
    # pictures that say nothing: what was fitted looks good all the same
    noise = torch.randn(30, WIDTH, generator=torch.Generator().manual_seed(2))
    held_out = TrainingSet(noise, strangers.texts, strangers.labels, strangers.known)
    model = trained(method(held_out=held_out, params={"lr": 0.01, "alpha": 0.1}))
    teacher = model.stages()[0]
    monitors = model.end_stage(teacher)
    fitted = monitors["image-to-label mAP (fitted)"]
    validation = monitors["image-to-label mAP (validation)"]
    assert fitted > 0.95
    assert validation < fitted - 0.2
    # a loop: for each query the labels of the database by distance, ties in expectation
    codes, database = model.image_head(noise) >= 0, model.H_l >= 0
    distance = (codes[:, None] != database[None]).sum(2)
    relevant = (held_out.labels @ model.context.train.labels.T) > 0
    wanted = [_expected_ap(d, r) for d, r in zip(distance, relevant, strict=True) if bool(r.any())]
    assert validation == pytest.approx(sum(wanted) / len(wanted), abs=0.02)


def _expected_ap(distance: Tensor, relevant: Tensor) -> float:
    """AP over 200 random orders within ties."""
    generator = torch.Generator().manual_seed(0)
    scores = []
    for _ in range(200):
        order = torch.randperm(len(distance), generator=generator)
        order = order[distance[order].sort(stable=True).indices]
        hits = relevant[order].double()
        precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
        scores.append(float((precision * hits).sum() / hits.sum()))
    return sum(scores) / len(scores)


def test_without_validation_queries_the_training_figure_stands_alone() -> None:
    model = method()
    model.begin_stage(model.stages()[0])
    monitors = model.end_stage(model.stages()[0])
    assert "image-to-label mAP (fitted)" in monitors
    assert "image-to-label mAP (validation)" not in monitors
    nothing_known = items(5, seed=3)
    nothing_known.labels[:] = 0
    model = method(held_out=nothing_known)
    model.begin_stage(model.stages()[0])
    assert "image-to-label mAP (validation)" not in model.end_stage(model.stages()[0])


def test_a_run_of_an_earlier_version_is_refused_in_one_sentence() -> None:
    params = {param.name: param.default for param in CARD.params if param.name != "template"}
    context = MethodContext((8,), params, NAMES, items(), Encoder(), 0)
    with pytest.raises(InputError, match="no parameter 'template'") as caught:
        Soda(context)
    assert "start it anew" in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("two-stage", {"teacher": (False, 0), "student": (True, 3)}),
        ("joint", {"joint": (True, 3)}),
        ("no-teacher", {"no-teacher": (True, 3)}),
    ],
)
def test_stages_that_are_scored_have_the_patience_asked_for(
    scheme: str, expected: dict[str, tuple[bool, int]]
) -> None:
    model = method(params={"patience": 3, "scheme": scheme})
    assert {stage.name: (stage.selects, stage.patience) for stage in model.stages()} == expected
    assert not any(stage.patience for stage in method().stages())
