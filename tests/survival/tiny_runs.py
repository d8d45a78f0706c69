"""The runs that survival is tried on: any method, a few pictures, a few epochs."""

from __future__ import annotations

import datetime

import msgspec

from hashbench.plan.request import Request, expand
from hashbench.plan.spec import RunSpec

EPOCHS = {"soda": 12}
USUAL_EPOCHS = 2
BITS = 16


def request_of(method: str) -> Request:
    """What one would type for a tiny run of a method."""
    return Request(
        method=[method],
        dataset=["picturebook-tiny"],
        bits=[BITS],
        threads=1,
        epochs=EPOCHS.get(method, USUAL_EPOCHS),
        query_size=30,
        train_size=64,
        protocol="published" if method == "oracle" else "strict",  # it has no other
    )


def spec_of(method: str) -> RunSpec:
    """The same with fewer pictures, which no option asks for."""
    (spec,) = expand(request_of(method))
    smaller = msgspec.structs.replace(spec.dataset, params={**spec.dataset.params, "items": 150})
    return msgspec.structs.replace(spec, dataset=smaller)


def now() -> datetime.datetime:
    """For names of run folders."""
    return datetime.datetime.now(datetime.UTC)
