"""Presets: what they hold against the released configurations, and how requests get values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hashbench.errors import InputError
from hashbench.plan import catalog
from hashbench.plan.preset import BUILT_IN, PAPER
from hashbench.plan.preset_resolution import default_preset, preset_in_force
from hashbench.plan.request import count_runs, expand, overridden, read_config, repeated
from hashbench.plan.run_options import Request, options, request
from hashbench.plan.spec import RunSpec, from_toml, to_toml

# what the released code and the papers say, by hand
TUNED = {
    "backbone_lr": 1e-5, "lr": 1e-3, "fusion_lr": 0.1, "weight_decay": 0.01, "batch_size": 128,
    "epochs": 100, "optimiser": "bertadam", "temperature": 0.07, "mu": 20.0, "tuned_blocks": 2,
    "prompt_lr": 1e-5,
}  # fmt: skip
PROMPTHASH = TUNED | {
    "delta": 0.001, "intra": 0.005, "alpha": 5.0, "auxiliary_bits": 256, "patience": 0,
}  # fmt: skip
PCRIL = {
    "prompt_epochs": 30, "prompt_batch": 32, "prompt_lr": 1e-4, "token_std": 1.0, "margin": 1.0,
    "agnostic": 2, "specific": 2, "hash_epochs": 250, "batch_size": 32, "text_lr": 1e-3,
    "image_lr": pytest.approx(3.1623e-5, rel=1e-4), "networks": "paper", "local_response": True,
    "eta": 1.0, "anm_ratio": 0.01, "unknown_pairs": "anm", "top_k": 10, "mixing_start": 0.8,
    "sampling": "replacement", "recover": True, "augment": True,
}  # fmt: skip
DSPH = {"epochs": 100, "lr": 1e-3, "weight_decay": 0.2, "dropout": 0.2}
MITH = {
    "epochs": 30, "batch_size": 128, "lr": 1e-3, "weight_decay": 0.01, "inter": 10.0,
    "quantisation": 8.0, "alignment": 50.0, "concepts": 0.01, "intra": 1.0, "distillation": 1.0,
    "strongest": 8, "backbone_lr": 2e-6, "tuned_blocks": 0, "branches": "global",
}  # fmt: skip
CMCL = {
    "batch_size": 128, "intra": 0.005, "inter": 5.0, "quantisation": 1.0, "alignment": 5.0,
    "auxiliary_bits": 128, "mu": 20.0, "dropout": 0.5, "weight_decay": 0.01,
}  # fmt: skip
UCCH = {
    "epochs": 20, "batch_size": 256, "lr": 1e-4, "alpha": 0.7, "margin": 0.2, "shift": 0.1,
    "hidden": 8192, "momentum": 0.4, "temperature": 0.9, "negatives": 4096, "warm_up": 1,
}  # fmt: skip
FACTS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "dcmh",
        "mirflickr25k",
        {"optimiser": "sgd", "lr": 10**-1.5, "lr_end": 1e-3, "epochs": 500, "batch_size": 128}
        | {"gamma": 1.0, "eta": 1.0, "memory_start": "zero"},
    ),
    (
        "dchmt",
        "coco",
        {"lr": 1e-4, "batch_size": 256, "epochs": 100, "theta": 0.75, "head": "original"}
        | {"quantisation": 0.0, "weight_decay": 0.2, "backbone_lr": 1e-5, "tuned_blocks": 0},
    ),
    ("dsph", "nuswide", DSPH | {"batch_size": 128, "alpha": 0.8, "proxy_lr": 0.02}),
    ("dnph-tomm", "coco", DSPH | {"proxies": "fixed", "uniformity": 0.1, "margin": 1.0}),
    ("dnph-tmm", "coco", DSPH | {"reduction": "sum"}),
    ("dhaph", "coco", DSPH | {"temperature": 0.3, "pace": 3.0}),
    ("ssah", "nuswide", {"hidden": 4096, "feature": 512, "pairs": "likelihood"}),
    ("mith", "mirflickr25k", MITH),
    ("cmcl", "mirflickr25k", CMCL | {"epochs": 30, "lr": 1e-3, "delta": 0.001}),
    ("cmcl", "nuswide", CMCL | {"epochs": 10, "lr": 2e-3, "delta": 0.001}),
    ("cmcl", "coco", CMCL | {"epochs": 30, "lr": 2e-3, "delta": 0.005}),
    ("ucch", "mirflickr25k", UCCH),
    ("djsrh", "mirflickr25k", {"beta": 0.9, "eta": 0.4, "mu": 1.5, "batch_size": 32, "epochs": 80}),
    ("djsrh", "nuswide", {"beta": 0.6, "image": 0.1, "text": 0.1}),
    ("jdsh", "mirflickr25k", {"images": 0.5, "texts": 0.1, "across": 0.4, "epochs": 300}),
    ("cirh", "mirflickr25k", {"images": 0.6, "direct": 0.6, "cut": 0.6, "epochs": 60, "lr": 1e-4}),
    ("cirh", "nuswide", {"images": 0.5, "direct": 0.5, "cut": 0.66, "epochs": 120}),
    ("clipmh", "coco", {"hidden": 256, "gated": True}),
    ("prompthash", "mirflickr25k", PROMPTHASH | {"inter": 5.0, "sigma": 0.1}),
    ("prompthash", "nuswide", PROMPTHASH | {"inter": 5.0, "sigma": 0.1}),
    ("prompthash", "coco", PROMPTHASH | {"inter": 20.0, "sigma": 1.0}),
    (
        "pghmh",
        "coco",
        TUNED
        | {"patience": 10, "inter_modal": 5.0, "anchor": 5.0, "pairwise": 5.005, "delta": 0.005}
        | {"auxiliary_bits": 128},
    ),
    ("pcril", "mirflickr25k-20015", PCRIL),
    ("soda", "nuswide", {"scheme": "two-stage", "prompt": "sentence"}),
]


@pytest.mark.parametrize(("method", "dataset", "facts"), FACTS)
def test_the_papers_values_are_those_of_the_release(
    method: str, dataset: str, facts: dict[str, Any]
) -> None:
    for spec in expand(Request(method=method, dataset=dataset)):
        assert {name: spec.params[name] for name in facts} == facts
        assert spec.preset == PAPER


def test_backbones_splits_lengths_and_ratios_are_those_of_the_papers() -> None:
    (prompthash,) = expand(Request(method="prompthash", dataset="nuswide"))
    (pghmh,) = expand(Request(method="pghmh", dataset="nuswide"))
    for spec, split, sizes in ((prompthash, "prompthash", (2100, 10500)),
                               (pghmh, "pghmh", (2000, 10000))):  # fmt: skip
        assert (spec.backbone.name, spec.backbone.pretrained) == (
            "ViT-B-16-quickgelu",
            "metaclip_fullcc",
        )
        assert (spec.bits, spec.dataset.split, spec.select) == ((16, 32, 64), split, "test")
        assert (spec.dataset.query, spec.dataset.train) == sizes
        assert not spec.holdout  # all training items are fitted
    pcril = expand(Request(method="pcril", dataset="mirflickr25k-20015"))
    assert [spec.labels.known_ratio for spec in pcril] == [0.3, 0.5, 0.7]
    assert {(spec.backbone.name, spec.backbone.pretrained) for spec in pcril} == {
        ("ViT-B-32", "openai")
    }
    assert {(spec.bits, spec.dataset.train, spec.holdout) for spec in pcril} == {
        ((32,), 18_015, False)
    }
    soda = expand(Request(method="soda", dataset="mirflickr25k"))
    assert [spec.bits for spec in soda] == [(16,), (32,), (64,), (128,)]
    assert soda[0].backbone.name == "picturebook-clip"  # which CLIP it is, nobody says


TRAINED = [c for c in catalog.methods().values() if c.epoch_params and c.paper_preset is not None]


def test_every_method_that_trains_has_the_values_of_its_paper() -> None:
    assert {c.name for c in catalog.methods().values() if c.epoch_params} == {
        card.name for card in TRAINED
    }


@pytest.mark.parametrize("card", TRAINED, ids=lambda card: card.name)
def test_a_preset_says_where_heads_on_frozen_features_stand_for_a_network(card: Any) -> None:
    preset = card.paper_preset
    defaults = {param.name: param.default for param in card.params}
    said = any("frozen" in line for line in (*preset.departures, *preset.unknown))
    if card.needs_encoders or card.name == "soda":
        return  # frozen in the paper as well, tuned here as well, or not known
    assert card.towers(defaults | preset.param_values("mirflickr25k")) == "frozen"
    assert said


def test_splits_of_baselines_are_those_of_their_releases() -> None:
    (dsph, *_), (mith, *_) = (
        expand(Request(method=name, dataset="mirflickr25k")) for name in ("dsph", "mith")
    )
    for spec, split, sizes in ((dsph, "dsph", (5000, 10000)), (mith, "mith", (2000, 10000))):
        assert (spec.dataset.split, spec.dataset.query, spec.dataset.train) == (split, *sizes)
        assert (spec.backbone.name, spec.backbone.pretrained) == ("ViT-B-32", "openai")
        assert (spec.select, spec.holdout) == ("test", False)
    (dcmh, *_) = expand(Request(method="dcmh", dataset="mirflickr25k"))
    assert dcmh.backbone.name == "picturebook-clip"  # no frozen backbone stands for CNN-F


@pytest.mark.parametrize(
    "card",
    [card for card in catalog.methods().values() if card.paper_preset is not None],
    ids=lambda card: card.name,
)
def test_every_value_of_a_preset_is_valid_and_has_a_source(card: Any) -> None:
    preset = card.paper_preset
    for given in preset.options:
        assert options()[given.key].built_in is not None, given.key
        options()[given.key].check(given.value)
    for given in preset.params:
        assert card.param(given.key).check(given.value) == given.value
    for given in (*preset.options, *preset.params):
        assert given.source
        assert set(given.datasets) <= set(preset.datasets)
    assert set(preset.datasets) <= {dataset.name for dataset in catalog.datasets().values()}
    assert preset.unknown
    for dataset in preset.datasets:  # a key is given once for a dataset
        for values in (preset.options, preset.params):
            keys = [given.key for given in values if given.is_for(dataset)]
            assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("method", "dataset"),
    [
        (card.name, name)
        for card in catalog.methods().values()
        if card.paper_preset is not None
        for dataset in card.paper_preset.datasets
        for name in catalog.datasets()[dataset].sizes
    ],
)
def test_every_preset_resolves_on_every_dataset_of_its_paper(method: str, dataset: str) -> None:
    for spec in expand(Request(method=method, dataset=dataset)):  # without being asked for
        assert spec.preset == PAPER
        assert from_toml(to_toml(spec).encode()) == spec
        counts = catalog.dataset(dataset).published_items.get(dataset, {})
        assert all(spec.dataset.query + spec.dataset.train <= items for items in counts)
    for select in ("validation", "test"):
        assert expand(Request(method=method, dataset=dataset, select=select))


def test_patience_of_a_preset_is_refused_where_the_last_epoch_is_kept() -> None:
    with pytest.raises(InputError, match="patience waits for a better score") as refused:
        expand(Request(method="pghmh", preset=PAPER, select="last"))
    assert refused.value.where == "--select last"
    assert "--set patience=0" in str(refused.value.remedy)
    (spec,) = expand(Request(method="pghmh", preset=PAPER, select="last", set={"patience": 0}))
    assert (spec.params["patience"], spec.select) == (0, "last")


def test_each_step_of_the_order_wins_over_those_before() -> None:
    def params(**more: Any) -> dict[str, Any]:
        (spec,) = expand(Request(method="pghmh", preset=PAPER, **more))
        return spec.params

    assert params()["epochs"] == 100
    assert params(epochs=7)["epochs"] == 7
    assert params()["mu"] == 20.0
    assert params()["optimiser"] == "bertadam"
    (built_in,) = expand(Request(method="pghmh", ablate=["bertadam"]))
    assert built_in.params["optimiser"] == "bertadam"
    assert params(ablate=["no-auxiliary"])["mu"] == 0.0
    assert params(ablate=["no-auxiliary"], set={"mu": 3.0})["mu"] == 3.0
    assert params(epochs=7, set={"epochs": 9})["epochs"] == 9


def test_what_is_asked_for_wins_over_the_preset() -> None:
    values = {
        "bits": 8, "known_ratio": 0.9, "select": "last", "split": "own",
        "backbone": "picturebook-clip",
    }  # fmt: skip
    (spec,) = expand(request({"method": "pcril", "preset": PAPER, **values}))
    assert (spec.bits, spec.labels.known_ratio, spec.select) == ((8,), 0.9, "last")
    # weights of the preset's model are of no use to another one
    assert (spec.backbone.name, spec.backbone.pretrained) == ("picturebook-clip", "")
    (other,) = expand(Request(method="pghmh", preset=PAPER, pretrained="here.pt"))
    assert (other.backbone.name, other.backbone.pretrained) == ("ViT-B-16-quickgelu", "here.pt")
    (same,) = expand(Request(method="pghmh", preset=PAPER, backbone="ViT-B-16-quickgelu"))
    assert same.backbone.pretrained == "metaclip_fullcc"


def test_equal_values_are_equal_runs_whatever_preset_they_came_from() -> None:
    (paper,) = expand(Request(method="pghmh", preset=PAPER))
    typed = {**repeated(paper), "preset": BUILT_IN}
    for key, value in preset_in_force(
        catalog.method("pghmh"), catalog.dataset("picturebook"), PAPER
    ).options.items():
        typed[key] = value if typed[key] is None else typed[key]
    (by_hand,) = expand(request({**typed, "set": paper.params}))
    assert by_hand.preset == BUILT_IN
    assert by_hand.hash == paper.hash
    (built_in,) = expand(Request(method="pghmh"))
    assert built_in.hash != paper.hash


@pytest.mark.parametrize(
    "asked",
    [
        {"method": "pghmh", "preset": PAPER},
        {"method": "pghmh", "preset": PAPER, "backbone": "picturebook-clip", "bits": 8},
        {"method": "pcril", "dataset": "coco", "known_ratio": 0.5, "epochs": 3},
        {"method": "pcril", "dataset": "coco", "preset": BUILT_IN, "set": {"margin": 0.25}},
        {"method": "prompthash", "dataset": "coco", "set": {"inter": 5.0}},
    ],
    ids=str,
)
def test_a_run_is_repeated_with_its_preset(asked: dict[str, Any], tmp_path: Path) -> None:
    (spec,) = expand(request(asked))
    values = repeated(spec)
    assert expand(request(values)) == [spec]
    (tmp_path / "spec.toml").write_text(to_toml(spec))
    assert expand(request(read_config(tmp_path / "spec.toml"))) == [spec]
    # another preset for what was not asked for; what was asked for stays
    (other,) = expand(request(overridden(values, {"preset": BUILT_IN, "bits": 16})))
    assert other.preset == BUILT_IN
    assert all(other.params[name] == value for name, value in asked.get("set", {}).items())


def test_specs_of_earlier_versions_have_the_values_of_the_built_in_preset() -> None:
    (spec,) = expand(Request(method="pcril", dataset="coco", preset=BUILT_IN))
    text = to_toml(spec).replace('preset = "built-in"\n', "")
    earlier: RunSpec = from_toml(text.encode())
    assert (earlier.preset, earlier.hash) == ("", spec.hash)
    assert expand(request(repeated(earlier))) == [spec]


def test_the_default_preset_is_the_papers_where_it_reports_the_dataset(tmp_path: Path) -> None:
    cards = catalog.methods()
    picturebook, coco = (catalog.dataset(name) for name in ("picturebook", "coco"))
    for card in cards.values():
        assert default_preset(card, picturebook) == BUILT_IN
    assert default_preset(cards["pcril"], coco) == PAPER
    assert default_preset(cards["soda"], coco) == BUILT_IN  # which it does not report
    assert default_preset(cards["lsh"], coco) == BUILT_IN
    folder = tmp_path / "birds"
    folder.mkdir()
    (folder / "hashbench.toml").write_text(
        'kind = "table"\ntitle = "Birds"\nquery = 5\ntrain = 20\nimages = "i"\ntable = "t.csv"\n'
    )
    (custom,) = expand(Request(method="prompthash", dataset="birds"), tmp_path)
    assert custom.preset == BUILT_IN
    (paper,) = expand(Request(method="prompthash", dataset="birds", preset=PAPER), tmp_path)
    assert paper.backbone.name == "ViT-B-16-quickgelu"
    card = catalog.method("prompthash")
    assert paper.params["inter"] == card.param("inter").default  # those of COCO are COCO's


def test_a_set_of_features_keeps_its_own(tmp_path: Path) -> None:
    specs = expand(Request(method="soda", dataset="wikipedia", preset=PAPER))
    assert {spec.backbone.pretrained for spec in specs} == {""}
    assert [spec.bits for spec in specs] == [(16,), (32,), (64,), (128,)]


def test_methods_without_values_of_a_paper_are_refused() -> None:
    with pytest.raises(InputError, match="no values of a paper for lsh") as refused:
        expand(Request(method=["soda", "lsh"], preset=PAPER))
    assert refused.value.where == "--preset"
    assert "--preset built-in" in str(refused.value.remedy)
    with pytest.raises(InputError, match="did you mean paper"):
        expand(Request(preset="papr"))


def test_grids_of_presets_are_counted_as_they_are_made() -> None:
    for asked in (
        Request(method=["soda", "pcril", "lsh"], dataset=["coco", "picturebook"], seed=[0, 1]),
        Request(method=["prompthash", "soda"], dataset=["mirflickr25k"], bits=[8, 16, 32]),
    ):
        assert count_runs(asked) == len(expand(asked))
