"""Random views of pictures for training: enlarged, a window cut out of it, perhaps mirrored.

As PromptHash and PGHMH are released: for an input of 224 pixels the short side becomes 256. Other
inputs are enlarged in the same proportion.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

ENLARGED = 256 / 224
"""Sides of the enlarged picture, as multiples of those of the window."""


@dataclass(frozen=True)
class View:
    """`top` and `left`, from 0 to below 1, say where among all its places the window lies."""

    flipped: bool
    top: float
    left: float

    def of(
        self, picture: Image.Image, size: tuple[int, int], resample: Image.Resampling
    ) -> Image.Image:
        """The view of a picture, of `size` (height, width)."""
        height, width = size
        least_height, least_width = round(height * ENLARGED), round(width * ENLARGED)
        # the smallest size of the picture's shape that covers both sides
        if least_width * picture.height >= least_height * picture.width:
            grown = (least_width, least_width * picture.height // picture.width)
        else:
            grown = (least_height * picture.width // picture.height, least_height)
        enlarged = picture.resize(grown, resample)
        left = int(self.left * (grown[0] - width + 1))
        top = int(self.top * (grown[1] - height + 1))
        window = enlarged.crop((left, top, left + width, top + height))
        return window.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.flipped else window
