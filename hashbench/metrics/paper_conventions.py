"""How published code bases compute the number they print, as metrics with exact names.

Sorting in torch (`torch.sort`) and numpy (`argsort`) is unstable by default, so the tie order of
those code bases is unspecified and differs between versions and devices: a profile takes database
order for it, and tie=best and tie=worst bound what it can have been.
"""

from __future__ import annotations

from dataclasses import dataclass

from hashbench.errors import UnknownNameError
from hashbench.metrics.metric import Metric, parse_metric

_UNSTABLE = "its sort is unstable; database order stands in for it"
_ZERO = "queries without relevant items count as 0"
_FIRST = "given K, it averages over the first min(K, R) relevant items, wherever they rank"


@dataclass(frozen=True)
class Profile:
    """The conventions of one code base: its `metric`, its `source`, and `notes` worth printing."""

    name: str
    metric: Metric
    source: str
    notes: tuple[str, ...]


def _profile(name: str, metric: str, source: str, *notes: str) -> tuple[str, Profile]:
    return name, Profile(name, parse_metric(metric), source, notes)


PROFILES: dict[str, Profile] = dict([
    _profile("prompthash", "mAP@all(tie=index,empty=zero)",
             "CCRG-XJU/PromptHash, train_asym.py", _UNSTABLE, _ZERO),
    _profile("pghmh", "mAP@all(tie=index,empty=zero)",
             "vindahi/PGHMH, test.py", _UNSTABLE, _ZERO,
             "one fused code an item: not a cross-modal number"),
    _profile("pcril", "mAP@all(tie=index,empty=zero)",
             "E-Galois/PCRIL, trainer.py", _UNSTABLE, _ZERO),
    _profile("dcmh", "mAP@all(tie=index,empty=zero)",
             "WendellGul/DCMH, utils.py", _UNSTABLE, _ZERO),
    _profile("torchcmh", "mAP@all(tie=index,empty=zero)",
             "WangGodder/deep-cross-modal-hashing, torchcmh/evaluate/hashing.py",
             _UNSTABLE, _ZERO, _FIRST + " (mAP@firstK here)"),
    _profile("dcmht", "mAP@all(tie=index,empty=zero)",
             "kalenforn/DCHMT, utils/calc_utils.py", _UNSTABLE, _ZERO,
             "its matrix variant gives NaN as soon as one query has no relevant item"),
    _profile("mith", "mAP@all(tie=index,empty=zero)",
             "DarrenZZhang/MM23-MITH, utils/calc_utils.py", _UNSTABLE, _ZERO),
    _profile("cmcl", "mAP@all(tie=index,empty=zero)",
             "DarrenZZhang/CMCL, which shares the evaluation of MITH", _UNSTABLE, _ZERO),
    _profile("twdh", "mAP@first5000(tie=index,empty=zero)",
             "kalenforn/clip-based-cross-modal-hash, common/calc_utils.py, top_k 5000",
             _UNSTABLE, _FIRST,
             "a query without relevant items turns its mean into NaN; here it counts as 0"),
    _profile("djsrh", "mAP@50/hits(tie=index,empty=zero)",
             "zs-zhong/DJSRH, metric.py, topk 50", _UNSTABLE,
             "queries without a hit among the 50 count as 0"),
    _profile("ucch", "mAP@all(tie=index)",
             "penghu-cs/UCCH, UCCH.py", _UNSTABLE, "queries without relevant items are left out"),
    _profile("hmah", "mAP@500/hits(tie=index,empty=zero)",
             "FutureTwT/HMAH, README (mAP@500)", "its evaluation code is not in the repository: "
             "only the cut-off is stated, the other conventions are assumed"),
    _profile("adsh", "mAP@all(tie=index,distance=adsh)",
             "ADSH (AAAI 2018), released MATLAB evaluation on packed codes",
             "its distance table counts 7 for a byte whose 8 bits all differ",
             "MATLAB sorts stably: ties are in database order"),
])  # fmt: skip


def profile(name: str) -> Profile:
    """The profile of that name (any case); UnknownNameError with the nearest one otherwise."""
    if name.lower() not in PROFILES:
        raise UnknownNameError("profile", name, PROFILES)
    return PROFILES[name.lower()]
