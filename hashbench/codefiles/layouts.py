"""The layouts of published code files: which variable is what, by its name.

Codes are found by the exact names of a layout (in any case of letters); labels by the names that
the layout's programs use, and after these by the words that such names are made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan.directions import DIRECTIONS, MODALITIES


@dataclass(frozen=True)
class Layout:
    """Names of variables: codes by modality; labels, tried in this order.

    In a label name `{m}` stands for `x` (image) or `y` (text). A layout whose modality is `""`
    holds one kind of code, and its names do not tell which.
    """

    name: str
    summary: str
    query: Mapping[str, str]
    database: Mapping[str, str]
    query_labels: tuple[str, ...]
    database_labels: tuple[str, ...]


LAYOUTS = (
    Layout(
        "named",
        "query_image, database_text, query_labels, ...: as `hashbench export` names them",
        {m: f"query_{m}" for m in MODALITIES},
        {m: f"database_{m}" for m in MODALITIES},
        ("query_labels",),
        ("database_labels",),
    ),
    Layout(
        "val-retrieval",
        "val_B, retrieval_B, L_te, L_db: fused codes, as PGHMH writes them",
        {"mm": "val_B"},
        {"mm": "retrieval_B"},
        ("L_te", "val_L", "query_L"),
        ("L_db", "L_re", "retrieval_L"),
    ),
    Layout(
        "q-r",
        "q_img, q_txt, r_img, r_txt, q_l, r_l, as DCMHT and its relatives write them",
        {"image": "q_img", "text": "q_txt", "mm": "q_fus"},
        {"image": "r_img", "text": "r_txt", "mm": "r_fus"},
        ("q_l",),
        ("r_l",),
    ),
    Layout(
        "bx-by",
        "BxTest, ByTest, BxTrain, ByTrain, LQuery, LxDB, LyDB: x is the image, y the text",
        {"image": "BxTest", "text": "ByTest"},
        {"image": "BxTrain", "text": "ByTrain"},
        ("LQuery", "L{m}Query", "LTest", "L{m}Test"),
        ("L{m}DB", "LDB", "L{m}Train", "LTrain"),
    ),
    Layout(
        "qbx-rbx",
        "qBX, qBY, rBX, rBY, query_L, retrieval_L, as programs descending from DCMH name them",
        {"image": "qBX", "text": "qBY"},
        {"image": "rBX", "text": "rBY"},
        ("query_L", "qL"),
        ("retrieval_L", "rL"),
    ),
    Layout(
        "qb-rb",
        "qB, rB, often inside a struct, often packed into bytes",
        {"": "qB"},
        {"": "rB"},
        ("qL", "query_L"),
        ("rL", "retrieval_L"),
    ),
)

_LABEL = r"(?:l|lab|label|labels|gnd|cate|target|targets)"
_MODALITY = r"(?P<m>[xy]|img|txt|image|text)?"
_SIDES = {
    "query": (r"(?:q|query|queries)", r"(?:te|test|tst|val)"),
    "database": (r"(?:r|re|db|database|retrieval|gallery|base)", r"(?:tr|train|trn)"),
}


def layout_named(name: str) -> Layout:
    """The layout of that name; UnknownNameError otherwise."""
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    raise UnknownNameError("layout", name, [one.name for one in LAYOUTS], where="--layout")


def match_name(names: Iterable[str], name: str) -> str | None:
    """`name` among `names`: exactly, or else the only one that differs in case alone."""
    names = list(names)
    if name in names:
        return name
    similar = [other for other in names if other.lower() == name.lower()]
    return similar[0] if len(similar) == 1 else None


def directions_in(layout: Layout, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Direction -> (query name, database name), of all directions whose codes are there."""
    names = list(names)
    variables = {}
    modalities = {name: (one.query, one.database) for name, one in DIRECTIONS.items()}
    if "" in layout.query:  # one kind of code, and the names do not tell which
        modalities = {"": ("", "")}
    for name, (asked, ranked) in modalities.items():
        query = match_name(names, layout.query[asked]) if asked in layout.query else None
        database = match_name(names, layout.database[ranked]) if ranked in layout.database else None
        if query and database:
            variables[name] = (query, database)
    return variables


def find_labels(
    names: Iterable[str],
    side: str,
    modality: str,
    preferred: tuple[str, ...] = (),
    *,
    only_labels: bool = False,
) -> str | None:
    """The variable that holds the labels of a side (`query` or `database`), or None.

    `preferred` names are tried first, then names made of a word for the side (query, q; else test,
    te, val, and database, db, retrieval, r, ...; else train), a word for labels, and perhaps one
    for the modality. In a file that holds `only_labels` the word for the side is enough.
    Raises InputError where two names fit equally well.
    """
    names = list(names)
    letter = {"image": "x", "text": "y"}.get(modality, "")
    for candidate in preferred:
        name = match_name(names, candidate.replace("{m}", letter))
        if name is not None and (letter or "{m}" not in candidate):
            return name
    for words in _SIDES[side]:
        pattern = re.compile(
            rf"(?:{_LABEL}{_MODALITY}{words}|{words}{_MODALITY.replace('<m>', '<n>')}{_LABEL})"
            + (rf"|{words}" if only_labels else "")
        )
        fits = []
        for name in names:
            match = pattern.fullmatch(re.sub(r"[^a-z0-9]", "", name.lower()))
            if match is not None and _fits((match["m"] or match["n"] or ""), modality):
                fits.append(name)
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise InputError(
                f"{' and '.join(sorted(fits))} may each be the {side} labels",
                remedy=f"say which: --{side}-labels {sorted(fits)[0]}",
            )
    return None


def _fits(word: str, modality: str) -> bool:
    of = {
        "x": "image",
        "img": "image",
        "image": "image",
        "y": "text",
        "txt": "text",
        "text": "text",
    }
    return not word or of[word] == modality
