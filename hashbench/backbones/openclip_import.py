"""The one place that imports open_clip.

open_clip imports torchvision for its picture transforms, and torchvision, when it is imported,
gives its operators `nms` and `qnms` a shape rule each. A torchvision built for CUDA, which is what
the package registry has, cannot load its compiled library next to a CPU build of torch; then the
operators do not exist, and the import ends with `RuntimeError: operator torchvision::nms does not
exist`. Nothing here ever suppresses boxes, so declaring the two signatures beforehand is enough.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from types import ModuleType

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[torch.library.Library] = []  # a declaration lives as long as its Library object


@cache
def open_clip() -> ModuleType:
    """The module `open_clip`, also where torchvision's compiled operators cannot be loaded."""
    if not _has_operators():
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            library.define(operator + _SIGNATURE)  # type: ignore[no-untyped-call]
        _declared.append(library)
    return importlib.import_module("open_clip")


def _has_operators() -> bool:
    """Whether torchvision's library of operators loads; where it does, it declares them itself."""
    spec = importlib.util.find_spec("torchvision")  # locates it without importing it
    if spec is None or spec.origin is None:
        return True  # no torchvision: leave it to open_clip's import to say so
    libraries = sorted(Path(spec.origin).parent.glob("_C*.so"))
    try:
        for library in libraries:
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return bool(libraries)
