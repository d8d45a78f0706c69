"""What the kit that holds DNpH runs with (github QinLab-WFU, train/DNpH_TMM)."""

from hashbench.methods.frozen_presets import (
    BATCH_UNKNOWN,
    DSPH_DATASETS,
    DSPH_FRAME,
    DSPH_HEADS,
    DSPH_UNKNOWN,
    frozen_towers,
)
from hashbench.plan.preset import Given, Preset

PAPER_PRESET = Preset(
    datasets=DSPH_DATASETS,
    options=DSPH_FRAME,
    params=(*DSPH_HEADS, Given("reduction", "sum", "release: train/DNpH_TMM/loss.py")),
    unknown=(*DSPH_UNKNOWN, BATCH_UNKNOWN),
    departures=(frozen_towers("1e-5"),),
)
