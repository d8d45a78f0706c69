"""A picture at full quality, drawn by a protocol of the terminal, where that can do it."""

from __future__ import annotations

import importlib
from typing import Any

from textual.app import ComposeResult

from hashbench.tui.picture_quality import BLOCKS, KITTY, PictureQuality
from hashbench.tui.widgets.picture import Picture, Pixels


def picture_widget(quality: PictureQuality, title: str) -> Picture:
    """A picture in half blocks, or at full quality; its id is `TITLE-picture`."""
    if quality.mode == BLOCKS:
        return Picture(title, id=f"{title}-picture")
    widget = "TGPImage" if quality.mode == KITTY else "SixelImage"
    return SharpPicture(title, widget, (quality.width, quality.height), id=f"{title}-picture")


class SharpPicture(Picture):
    """As Picture, with one widget of textual-image inside: `TGPImage` or `SixelImage`."""

    def __init__(
        self,
        title: str,
        widget: str,
        cell: tuple[int, int],
        *,
        id: str | None = None,  # noqa: A002 - as every widget of Textual
    ) -> None:
        super().__init__(title, id=id)
        self._cell = cell
        self._image: Any = getattr(importlib.import_module("textual_image.widget"), widget)()

    def compose(self) -> ComposeResult:
        """The picture in the middle of its place."""
        self._image.styles.width = self._image.styles.height = "auto"
        self._image.display = False
        yield self._image

    @property
    def pixels_wanted(self) -> tuple[int, int]:
        """As many as the terminal has there."""
        return self.content_size.width * self._cell[0], self.content_size.height * self._cell[1]

    def show(self, pixels: Pixels | None, text: str = "") -> None:
        """Another picture, or `text` where there is none."""
        super().show(None, text)
        self._image.display = pixels is not None
        if pixels is not None:
            from PIL import Image

            size = pixels.width, pixels.height
            self._image.image = Image.frombytes("RGB", size, pixels.data)
