"""What the release of DSPH runs with (github QinLab-WFU/DSPH)."""

from hashbench.methods.frozen_presets import (
    DSPH_DATASETS,
    DSPH_FRAME,
    DSPH_HEADS,
    DSPH_UNKNOWN,
    frozen_towers,
)
from hashbench.plan.preset import Given, Preset, sourced

PAPER_PRESET = Preset(
    datasets=DSPH_DATASETS,
    options=DSPH_FRAME,
    params=(
        *DSPH_HEADS,
        Given("batch_size", 128, "release: README; 64 by default"),
        Given("alpha", 0.8, "release: utils/utils.py"),
        *sourced("release: train/hash_train.py", proxy_lr=0.02, proxy_decay=5e-4),
    ),
    unknown=DSPH_UNKNOWN,
    departures=(frozen_towers("1e-5"),),
)
