"""Pictures and texts that are in no dataset, encoded by the trained model of a finished run."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from hashbench.backbones.block_inputs import (
    PICTURES,
    caption_batches,
    encode_captions,
    encode_pictures,
    padded,
)
from hashbench.backbones.feature_store import Report
from hashbench.datasets.base import FloatArray
from hashbench.engine import checkpoint
from hashbench.engine.build import build_method, prepare
from hashbench.engine.data import no_report, require_encoders
from hashbench.errors import InputError
from hashbench.metrics.codes import Codes
from hashbench.nn.tokens import Tokens
from hashbench.plan import catalog
from hashbench.plan.directions import FUSED
from hashbench.plan.spec import RunSpec
from hashbench.runs import plugin_folders
from hashbench.runs.layout import RunFolder

if TYPE_CHECKING:
    from hashbench.backbones.blocks import TunableClip
    from hashbench.backbones.encoders import Encoders

AT_ONCE = PICTURES
"""Items that go through the towers together."""


class ItemEncoder:
    """A run's selected model, on the CPU.

    A fused code is made of the one modality that a new item has. Raises InputError for codes of the
    published protocol, which depend on labels or on the batch, for imported ones, for a run without
    a checkpoint, and for sets of features, whose encoders are not known.
    """

    def __init__(
        self, run: RunFolder, spec: RunSpec, data_dir: Path, report: Report = no_report
    ) -> None:
        if spec.imported:
            raise InputError(
                "holds imported codes, and nothing here has trained what made them",
                where=run.id,
                remedy="a run that was trained",
            )
        plugin_folders.require_same_files(run, spec)
        card = catalog.method(spec.method)
        if spec.protocol == "published":
            raise InputError(
                f"nothing new can be encoded for {card.title} under the published protocol: its "
                "codes are not of an item alone",
                remedy="a run of the strict protocol",
            )
        saved = checkpoint.load(run, spec.hash)
        if saved is None:
            raise InputError(
                "the run has no checkpoint, so nothing can be encoded", where=run.checkpoint
            )
        prepared = prepare(spec, data_dir, run.labels, torch.device("cpu"), report)
        require_encoders(prepared.data.dataset, "what is new")
        self._prepared = prepared
        self._fused = card.directions == (FUSED,)
        self._method = build_method(prepared)
        self._method.load_state_dict(saved.best.model or saved.model)
        self._method.eval()

    @torch.inference_mode()
    def texts(self, sentences: Sequence[str]) -> dict[int, Codes]:
        """bit length -> codes (n) of sentences."""
        return self._codes(None, self._text_inputs(sentences))

    @torch.inference_mode()
    def images(self, pixels: FloatArray) -> dict[int, Codes]:
        """bit length -> codes (n) of pictures (n, 3, height, width) as the backbone's `pixels`."""
        return self._codes(self._image_inputs(pixels), None)

    @property
    def backbone(self) -> Encoders:
        """What makes pixels of pictures."""
        return self._prepared.store.backbone

    def _codes(
        self, images: Tensor | Tokens | None, texts: Tensor | Tokens | None
    ) -> dict[int, Codes]:
        if self._fused:
            relaxed = self._fused_codes(images, texts)
        elif images is not None:
            relaxed = self._method.encode_image(images)
        else:
            relaxed = self._method.encode_text(texts)
        return {bits: Codes.from_signs((part >= 0).numpy()) for bits, part in relaxed.items()}

    def _fused_codes(
        self, images: Tensor | Tokens | None, texts: Tensor | Tokens | None
    ) -> dict[int, Tensor]:
        """Codes of the modality that is there; grey pictures or empty texts stand for the other,
        and a method may not look at them.
        """
        there = texts if images is None else images
        count = 0 if there is None else len(there)
        available = torch.tensor([images is not None, texts is not None]).expand(count, 2)
        rows = torch.zeros(count, dtype=torch.int64)
        if images is None:
            images = self._image_inputs(self.backbone.grey()[None])[rows]
        if texts is None:
            texts = self._text_inputs([""])[rows]
        return self._method.encode_mm(images, texts, available)

    def _image_inputs(self, pixels: FloatArray) -> Tensor | Tokens:
        """What image encoders read: features, or tokens of methods that tune the towers."""
        if not self._prepared.tuned:
            features = self.backbone.encode_images(padded(pixels, PICTURES))[: len(pixels)]
            return self._rounded(features)
        values, features = encode_pictures(self._tunable, pixels)
        lengths = torch.full((len(values),), values.shape[1])
        return Tokens(self._rounded(features), _floats(values), lengths)

    def _text_inputs(self, sentences: Sequence[str]) -> Tensor | Tokens:
        """The same of texts."""
        tokens = self.backbone.tokenise(list(sentences))
        features = self._rounded(self.backbone.encode_tokens(tokens))
        if not self._prepared.tuned:
            return features
        lengths = self.backbone.lengths(tokens).numpy()
        pieces = [np.empty((0, 0), np.float16)] * len(sentences)
        for rows in caption_batches(lengths):
            encoded = encode_captions(self._tunable, tokens[rows], lengths[rows])
            for row, piece in zip(rows.tolist(), encoded, strict=True):
                pieces[row] = piece
        values = np.zeros((len(pieces), int(lengths.max()), pieces[0].shape[1]), np.float16)
        for row, piece in enumerate(pieces):
            values[row, : len(piece)] = piece
        return Tokens(features, _floats(values), torch.from_numpy(lengths))

    @functools.cached_property
    def _tunable(self) -> TunableClip:
        return self._prepared.store.tunable(self._prepared.tuned)

    def _rounded(self, features: FloatArray) -> Tensor:
        """Features as precise as the cached ones that the run's own codes are made of."""
        return _floats(features.astype(self._prepared.data.features.images.dtype))


def _floats(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32))
