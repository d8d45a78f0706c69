"""Captions that somebody types, encoded by the trained model of a finished run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from hashbench.backbones import registry
from hashbench.backbones.feature_store import FeatureStore
from hashbench.backbones.text_tower import FrozenTextTower
from hashbench.engine import checkpoint
from hashbench.engine.data import (
    assemble,
    load_dataset,
    readable,
    require_encoders,
    split_of,
    visible_labels,
)
from hashbench.errors import InputError
from hashbench.files.paths import cache_root
from hashbench.methods.base import Method, MethodContext
from hashbench.metrics.codes import Codes
from hashbench.plan import catalog
from hashbench.plan.spec import RunSpec
from hashbench.runs.layout import RunFolder


def _silent(what: str, done: int, total: int) -> None:
    """Nobody is told."""


class TypedCaptions:
    """The text side of a run's selected model, on the CPU.

    Raises InputError for methods that tune the towers or fuse both modalities, and where the run
    has no checkpoint any more.
    """

    def __init__(self, run: RunFolder, spec: RunSpec, data_dir: Path) -> None:
        card = catalog.method(spec.method)
        if card.tuned_blocks or card.directions == ("mm",) or spec.protocol == "published":
            raise InputError(
                f"captions cannot be typed for {card.title}: codes are not of a text alone",
                remedy="pick an item as the query",
            )
        state = checkpoint.load(run, spec.hash)
        if state is None:
            raise InputError(
                "the run has no checkpoint, so nothing can be encoded", where=run.checkpoint
            )
        device = torch.device("cpu")
        dataset = load_dataset(spec.dataset, data_dir)
        require_encoders(dataset, "a typed caption")
        source = registry.resolve(spec.backbone, data_dir)
        skip = spec.dataset.on_bad_image == "skip"
        self._store = FeatureStore(cache_root(data_dir), source, device, _silent, skip_broken=skip)
        features = self._store.dataset(dataset)
        split = readable(split_of(spec.dataset, dataset), dataset, features)
        visible = visible_labels(run.labels, spec, dataset, split)
        data = assemble(dataset, split, visible, features, device)

        def prompts(sentences: Sequence[str]) -> torch.Tensor:
            return torch.from_numpy(self._store.prompts(sentences))

        self._method: Method = catalog.load(card.entry)(
            MethodContext(
                bits=spec.bits,
                params=spec.params,
                class_names=dataset.class_names,
                train=data.train,
                prompts=prompts,
                seed=spec.seed,
                unknown=spec.labels.unknown,
                text_tower=lambda: FrozenTextTower(self._store.backbone),
                protocol=spec.protocol,
                directions=card.directions,
            )
        )
        self._method.load_state_dict(state.best.model or state.model)
        self._method.eval()

    @torch.inference_mode()
    def code(self, caption: str, bits: int) -> Codes:
        """The code of one caption, (1,) of `bits` bits."""
        backbone = self._store.backbone
        features = backbone.encode_tokens(backbone.tokenise([caption]))
        relaxed = self._method.encode_text(torch.from_numpy(features))[bits]
        return Codes.from_signs((relaxed >= 0).numpy())
