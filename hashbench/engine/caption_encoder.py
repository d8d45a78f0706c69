"""Captions that a person types, encoded by the trained model of a finished run."""

from __future__ import annotations

from pathlib import Path

import torch

from hashbench.engine import checkpoint
from hashbench.engine.build import build_method, prepare
from hashbench.engine.data import require_encoders
from hashbench.errors import InputError
from hashbench.metrics.codes import Codes
from hashbench.plan import catalog
from hashbench.plan.spec import RunSpec
from hashbench.runs import plugin_folders
from hashbench.runs.layout import RunFolder


class CaptionEncoder:
    """The text side of a run's selected model, on the CPU.

    Raises InputError for methods that tune the towers or fuse both modalities, and for a run
    without a checkpoint.
    """

    def __init__(self, run: RunFolder, spec: RunSpec, data_dir: Path) -> None:
        plugin_folders.require_same_files(run, spec)
        card = catalog.method(spec.method)
        if card.tuned_blocks or card.directions == ("mm",) or spec.protocol == "published":
            raise InputError(
                f"captions cannot be typed for {card.title}: codes are not of a text alone",
                remedy="pick an item as the query",
            )
        saved = checkpoint.load(run, spec.hash)
        if saved is None:
            raise InputError(
                "the run has no checkpoint, so nothing can be encoded", where=run.checkpoint
            )
        prepared = prepare(spec, data_dir, run.labels, torch.device("cpu"))
        require_encoders(prepared.data.dataset, "a typed caption")
        self._store = prepared.store
        self._method = build_method(prepared)
        self._method.load_state_dict(saved.best.model or saved.model)
        self._method.eval()

    @torch.inference_mode()
    def code(self, caption: str, bits: int) -> Codes:
        """The code of one caption, (1,) of `bits` bits."""
        backbone = self._store.backbone
        features = backbone.encode_tokens(backbone.tokenise([caption]))
        relaxed = self._method.encode_text(torch.from_numpy(features))[bits]
        return Codes.from_signs((relaxed >= 0).numpy())
