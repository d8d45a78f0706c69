"""Ways to damage a file: what a bad disk, a broken copy or a hostile hand makes of it."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

HUGE = (0, 1, 3, 14, 255, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1)
WORDS = (
    "null", "true", "-1", "0", "1e999", "-1e-999", "NaN", "Infinity", "9" * 400, "1" + "0" * 30,
    '""', "[]", "{}", '"../../outside/x"', '"/etc/passwd"', '"\\u0000"', '"\\ud800"', "0x7f",
    '"\\u001b]0;owned\\u0007\\u001b[2J"', '"\x1b[31m"', "'", "#", '"a" "b"', "1979-05-27",
)  # fmt: skip
DEEP = 100_000


def binary(data: bytes, rng: random.Random) -> bytes:
    """Cuts, flipped bits, foreign bytes, other lengths, parts moved, doubled or left out.

    Every other time it is the beginning that is hit, where most formats say what follows.
    """
    changed = bytearray(data)
    reach = min(len(data), 1024) if rng.random() < 0.5 else len(data)
    at = rng.randrange(max(1, reach))
    length = rng.choice((1, 4, 8, 64, 512))
    match rng.randrange(7):
        case 0:
            del changed[at:]
        case 1:
            for _ in range(rng.choice((1, 1, 3, 20))):
                changed[rng.randrange(max(1, reach))] ^= 1 << rng.randrange(8)
        case 2:
            changed[at : at + length] = rng.randbytes(length)
        case 3:
            width = rng.choice((2, 4, 8))
            value = rng.choice(HUGE) & ((1 << 8 * width) - 1)
            changed[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
        case 4:
            other = rng.randrange(max(1, len(data)))
            part, swapped = changed[at : at + length], changed[other : other + length]
            if len(part) == len(swapped) and abs(at - other) >= length:
                changed[at : at + length], changed[other : other + length] = swapped, part
        case 5:
            changed[at:at] = changed[at : at + length] * rng.choice((1, 2, 50))
        case _:
            del changed[at : at + length]
    return bytes(changed)


def text(data: bytes, rng: random.Random) -> bytes:
    """As `binary`, and words that mean something else, deep nesting, numbers without end."""
    if rng.random() < 0.3:
        return binary(data, rng)
    whole = data.decode(errors="replace")
    breaks = [i for i, letter in enumerate(whole) if letter in ',:=[]{}\n "'] or [0]
    at, upto = sorted((rng.choice(breaks), rng.choice(breaks)))
    match rng.randrange(6):
        case 0:
            changed = whole[:at] + rng.choice(WORDS) + whole[at:]
        case 1:
            following = min((i for i in breaks if i > at), default=len(whole))
            changed = whole[: at + 1] + rng.choice(WORDS) + whole[following:]
        case 2:
            opening, closing = rng.choice((("[", "]"), ('{"a":', "}"), ("{a=", "}"), ("a.", "=1")))
            depth = rng.choice((50, 500, 950, 1100, DEEP))
            filling = rng.choice(("", "1", '"x"'))
            changed = whole[: at + 1] + opening * depth + filling + closing * depth + whole[at:]
        case 3:
            changed = whole[:at] + whole[upto:]
        case 4:
            changed = whole[:at] + whole[at:upto] * rng.choice((2, 3, 100)) + whole[upto:]
        case _:
            lines = whole.splitlines(keepends=True)
            rng.shuffle(lines)
            changed = "".join(lines)
    return changed.encode(errors="surrogatepass")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 42)


STRANGE: tuple[Callable[[Path], object], ...] = (
    Path.mkdir,
    os.mkfifo,
    _loop,
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.symlink_to("/dev/null"),
    lambda path: path.symlink_to("nowhere"),
    lambda path: path.symlink_to("/proc/self/mem"),
    lambda path: path.symlink_to(path.parent),
    lambda path: path.touch(),
    _sparse,
)
"""What else may be where a file is looked for: folders, pipes, devices, links, nothing, far too
much. Each makes it at a path where there is nothing.
"""
