"""What the feature cache asks of a backbone, whatever its towers are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from hashbench.backbones.augmentation import View
    from hashbench.datasets.base import FloatArray


class Encoders(Protocol):
    """Pictures and sentences in, pooled features out. Both towers are frozen."""

    def tokenise(self, sentences: Sequence[str]) -> Tensor:
        """(n, L) token ids as the text tower takes them."""
        ...

    def lengths(self, tokens: Tensor) -> Tensor:
        """(n) tokens of each text that reach its feature."""
        ...

    def pixels(self, picture: Image.Image, view: View | None = None) -> FloatArray:
        """(3, height, width) as the vision tower takes it, of a picture or of a view of it."""
        ...

    def grey(self) -> FloatArray:
        """(3, height, width) of a picture in the mean colour."""
        ...

    def encode_images(self, batch: FloatArray) -> FloatArray:
        """(n, 3, height, width) from `pixels` -> (n, d)."""
        ...

    def encode_tokens(self, tokens: Tensor) -> FloatArray:
        """(n, L) ids from `tokenise` -> (n, d')."""
        ...
