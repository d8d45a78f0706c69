"""What runs are called: different ones differently, equal ones by number, none by a hash."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hashbench.plan.request import Request, expand
from hashbench.plan.spec import BackboneSpec, DatasetSpec, LabelSpec, RunSpec
from hashbench.report.naming import full_name, short_names, variant_name
from hashbench.runs import layout

SPECS = st.builds(
    RunSpec,
    method=st.sampled_from(["pcril", "soda", "a method that is not installed"]),
    bits=st.sampled_from([(16,), (16, 32)]),
    seed=st.integers(0, 1),
    protocol=st.sampled_from(["strict", "published"]),
    select=st.sampled_from(["validation", "test"]),
    dataset=st.builds(
        DatasetSpec,
        name=st.sampled_from(["picturebook", "mine"]),
        query=st.sampled_from([500, 100]),
        train=st.just(2000),
        split=st.sampled_from(["own", "mith"]),
        split_seed=st.integers(0, 1),
        usual_sizes=st.booleans(),
        params=st.sampled_from([{}, {"world": 2}]),
        on_bad_image=st.sampled_from(["stop", "skip"]),
        augment_images=st.sampled_from(["none", "flip-crop"]),
        folds=st.sampled_from([0, 5]),
        fold=st.integers(1, 2),
    ),
    backbone=st.builds(
        BackboneSpec,
        name=st.sampled_from(["picturebook-clip", "ViT-B-16"]),
        feature_precision=st.sampled_from(["fp32", "fp16"]),
        encode_precision=st.sampled_from(["fp32", "bf16"]),
    ),
    labels=st.builds(
        LabelSpec,
        known_ratio=st.sampled_from([1.0, 0.3]),
        noise=st.sampled_from([0.0, 0.1]),
        unknown=st.sampled_from(["negative", "ignore"]),
    ),
    ablations=st.sampled_from([(), ("no-CSA",), ("of an earlier version",)]),
    params=st.sampled_from([{}, {"alpha": 0.5}, {"unheard_of": 3}]),
)


def one(**keys: Any) -> RunSpec:
    (spec,) = expand(Request(**keys))
    return spec


@given(st.lists(SPECS, max_size=6))
def test_runs_that_differ_have_names_that_differ(specs: list[RunSpec]) -> None:
    names = short_names(specs)
    assert len(names) == len(specs)
    assert len(set(names)) == len(names)
    # however long the list is, equal runs are called the same but for their number
    assert all(name.startswith(spec.method) for name, spec in zip(names, specs, strict=True))
    assert all(spec.hash[:4] not in name for name, spec in zip(names, specs, strict=True))


def test_a_name_says_what_differs_and_nothing_else() -> None:
    assert short_names([]) == []
    assert short_names([one()]) == ["soda"]
    assert short_names([one(), one()]) == ["soda", "soda (2)"]
    assert short_names([one(seed=[0]), one(seed=[1])]) == ["soda seed 0", "soda seed 1"]
    assert short_names([one(method=["pcril"]), one(method=["lsh"], seed=[0])]) == ["pcril", "lsh"]
    assert short_names(
        [
            one(method=["pcril"], known_ratio=[0.3]),
            one(method=["pcril"], known_ratio=[0.3], ablate=["no-CSA"]),
            one(method=["soda"], known_ratio=[0.3], unknown="ignore"),
        ]
    ) == ["pcril known 0.3", "pcril known 0.3 no-CSA", "soda known 0.3 IU"]


def test_sizes_without_a_name_of_their_own_are_reported_by_their_keys() -> None:
    usual = one()
    other = msgspec.structs.replace(
        usual, dataset=msgspec.structs.replace(usual.dataset, query=usual.dataset.query + 1)
    )
    first, second = short_names([usual, other])
    assert f"dataset.query={other.dataset.query}" in second
    assert first != second


def test_a_variant_is_what_is_not_usual() -> None:
    assert variant_name(one()) == ""
    changed = one(
        set={"alpha": 2.0},
        ablate=["no-prompt"],
        known_ratio=[0.3],
        split="mith",
        query_size=60,
        backbone="ViT-B-16",
        pretrained="openai",
        feature_precision="fp16",
    )
    name = variant_name(changed)
    for part in ("known 0.3 AN", "no-prompt", "alpha=2.0", "split mith", "ViT-B-16", "fp16", "60"):
        assert part in name
    assert full_name(one()) == "soda 32 bits picturebook seed 0"
    assert "published" in variant_name(one(method=["prompthash"], protocol="published"))


def test_ids_say_what_is_not_usual_in_words(tmp_path: Any) -> None:
    now = datetime.datetime(2026, 5, 4, 12, 30, tzinfo=datetime.UTC)
    spec = one(method=["pcril"], known_ratio=[0.3], ablate=["no-CSA"])
    first, second = (layout.create(tmp_path, spec, now) for _ in range(2))
    assert first.id == "20260504-123000-pcril-picturebook-32b-known0.3-no-CSA-s0"
    assert second.id == f"{first.id}-2"
    assert layout.find(tmp_path) == [first, second]


def test_a_run_with_the_preset_of_its_paper_is_named_by_that_and_what_differs() -> None:
    (paper,) = expand(Request(method="prompthash", dataset="coco"))
    assert full_name(paper) == "prompthash paper preset 16+32+64 bits coco seed 0"
    (changed,) = expand(
        Request(method="prompthash", dataset="coco", select="validation", set={"inter": 5.0})
    )
    assert variant_name(changed) == "paper preset inter=5.0 select validation"
    (other,) = expand(
        Request(method="prompthash", dataset="coco", backbone="ViT-B-32", pretrained="openai")
    )
    assert variant_name(other) == "paper preset ViT-B-32 openai"
    (built_in,) = expand(Request(method="prompthash", preset="built-in"))
    assert variant_name(built_in) == ""
