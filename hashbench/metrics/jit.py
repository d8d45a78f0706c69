"""How this room compiles: one decorator and one machine instruction.

Kernels release the interpreter lock and are called from plain threads, so they need no threading
layer, compile in seconds, and are safe next to torch's own threads and after a fork.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

from hashbench.files.memory_budget import require_address_space

require_address_space(1 << 30, "scoring")  # before the compiler is loaded, which would abort

from numba import njit, types  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

Function = TypeVar("Function", bound=Callable[..., Any])
_njit: Any = njit


def compiled(function: Function) -> Function:
    """Compile on first use and keep the machine code on disk where some place is writable.

    numba looks for one beside the source, then in the user's cache folder or `NUMBA_CACHE_DIR`,
    and refuses to decorate where neither can be written: then each process compiles for itself.
    Division is numpy's: without it every loop would carry a check for zero.
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return cast("Function", _saving_if_possible(_njit(cache=True, **options)(function)))
    except RuntimeError as error:
        if "no locator" not in str(error):
            raise
        return cast("Function", _njit(**options)(function))


def _saving_if_possible(dispatcher: Any) -> Any:
    """The kernel, for which a disk that is full or a limit on files costs its copy there alone:
    numba looks for a writable place only when it decorates, and fails when it saves.
    """
    cache = dispatcher._cache
    save = cache.save_overload

    def attempted(*arguments: Any) -> None:
        with contextlib.suppress(OSError):
            save(*arguments)

    cache.save_overload = attempted
    return dispatcher


def _popcount(_typing: Any, _word: Any) -> Any:
    """Number of set bits of a uint64, as one machine instruction."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


popcount: Any = intrinsic(_popcount)
