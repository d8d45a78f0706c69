"""What the release of DHaPH runs with (train/DHaPH of its group's kit)."""

from hashbench.methods.frozen_presets import (
    BATCH_UNKNOWN,
    DSPH_DATASETS,
    DSPH_FRAME,
    DSPH_HEADS,
    DSPH_UNKNOWN,
    frozen_towers,
)
from hashbench.plan.preset import Preset, sourced

PAPER_PRESET = Preset(
    datasets=DSPH_DATASETS,
    options=DSPH_FRAME,
    params=(*DSPH_HEADS, *sourced("release: train/DHaPH/MSLoss.py", temperature=0.3, pace=3.0)),
    unknown=(*DSPH_UNKNOWN, BATCH_UNKNOWN),
    departures=(
        frozen_towers("1e-5"),
        "without the hyperbolic proxies, whose loss is computed on detached codes in the release",
    ),
)
