"""The frozen text tower from its token embeddings on, so that learned tokens can go through it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from hashbench.backbones.clip import ClipBackbone
from hashbench.backbones.encoders import Encoders
from hashbench.backbones.openclip_import import open_clip
from hashbench.errors import InputError


class FrozenTextTower:
    """What `hashbench.methods.base.TextTower` describes, for CLIP-like models of open_clip.

    Its own weights get no gradient; what is put in does. A text may be cut after its end token,
    since the mask is causal: nothing behind the end token reaches its feature.
    Raises InputError for a model whose text tower works in another way.
    """

    def __init__(self, backbone: Encoders) -> None:
        if not (isinstance(backbone, ClipBackbone) and _reads_as_clip(backbone)):
            raise InputError(
                "the text tower of this backbone is not CLIP's: learned prompts need a causal "
                "tower that reads its feature at the end token",
                where="--backbone",
                remedy="picturebook-clip, or a CLIP model such as ViT-B-32",
            )
        model = backbone.model
        self._text: Any = getattr(model, "text", model)
        self._device = backbone.device
        self._tokenizer: Any = backbone.tokenizer
        self.width = int(self._text.token_embedding.embedding_dim)
        self.context = int(self._text.context_length)
        self.scale = float(model.logit_scale.detach().exp())
        self.start = int(self._tokenizer.sot_token_id)
        self.end = int(self._tokenizer.eot_token_id)

    def token_ids(self, text: str) -> list[int]:
        """The byte-pair tokens of a text, without start and end, not cut."""
        return [int(token) for token in self._tokenizer.encode(text)]

    def embed(self, ids: Tensor) -> Tensor:
        """(...) token ids -> (..., width), before positions are added."""
        return torch.as_tensor(self._text.token_embedding(ids.to(self._device))).detach()

    def __call__(self, tokens: Tensor, ends: Tensor) -> Tensor:
        """(b, L, width) embedded tokens, L <= context, and the end token's place in each (b).

        Returns (b, d) features, not normalised.
        """
        text, length = self._text, tokens.shape[1]
        hidden = tokens + text.positional_embedding[:length]
        # on CPUs the plain attention kernel is several times faster backwards than the fused one
        with sdpa_kernel(SDPBackend.MATH):
            pooled = text.ln_final(self._at_end(hidden, ends, text.attn_mask[:length, :length]))
        projection = text.text_projection
        if isinstance(projection, torch.nn.Linear):
            return torch.as_tensor(projection(pooled))
        return torch.as_tensor(pooled if projection is None else pooled @ projection)

    def _at_end(self, hidden: Tensor, ends: Tensor, mask: Tensor) -> Tensor:
        """(b, L, width) -> (b, width), what the transformer makes of each end token.

        Of the last block nothing else is needed, so only the end token is its query.
        """
        rows = torch.arange(len(hidden), device=hidden.device)
        *blocks, last = self._text.transformer.resblocks
        if type(last) is not open_clip().transformer.ResidualAttentionBlock:
            whole: Tensor = self._text.transformer(hidden, attn_mask=mask)[rows, ends]
            return whole
        for block in blocks:
            hidden = block(hidden, attn_mask=mask)
        end, keys = hidden[rows, ends][:, None], last.ln_1(hidden)
        behind = torch.arange(hidden.shape[1], device=hidden.device) > ends[:, None]
        query = keys[rows, ends][:, None]
        attended = last.attn(query, keys, keys, key_padding_mask=behind, need_weights=False)[0]
        end = end + last.ls_1(attended)
        result: Tensor = (end + last.ls_2(last.mlp(last.ln_2(end))))[:, 0]
        return result


def _reads_as_clip(backbone: ClipBackbone) -> bool:
    text: Any = getattr(backbone.model, "text", backbone.model)
    pooling = getattr(text, "text_pool_type", getattr(text, "pool_type", ""))
    return (
        getattr(text, "attn_mask", None) is not None  # causal
        and isinstance(backbone.tokenizer, open_clip().tokenizer.SimpleTokenizer)
        and hasattr(text, "token_embedding")
        and pooling == "argmax"
    )
