"""Libraries that are no part of the plain installation."""

from __future__ import annotations

import importlib
from typing import Any

from hashbench.errors import InputError


def extra_module(module: str, extra: str, where: str) -> Any:
    """A module that an extra installs. Raises InputError, naming the extra, where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"needs a library that is not installed ({error})",
            where=where,
            remedy=f"pip install 'hashbench[{extra}]'",
        ) from None
