"""How this room compiles: one decorator and one machine instruction.

Kernels release the interpreter lock and are called from plain threads (`histograms.in_threads`),
so they need no threading layer, compile in about a second, and are safe next to torch's own
threads and after a fork.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit, types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile on first use and keep the machine code on disk where some place is writable.

    numba looks for one beside the source, then in the user's cache folder or `NUMBA_CACHE_DIR`,
    and refuses to decorate where neither can be written: then each process compiles for itself.
    """
    try:
        return njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError as error:
        if "no locator" not in str(error):
            raise
        return njit(nogil=True)(function)  # type: ignore[no-any-return]


@intrinsic
def popcount(typing_context: Any, word: Any) -> Any:  # type: ignore[misc]
    """Number of set bits of a uint64, as one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate
