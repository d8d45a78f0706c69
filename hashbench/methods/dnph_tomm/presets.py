"""What the release of DNPH runs with (github QinLab-WFU/OUR-DNPH)."""

from hashbench.methods.frozen_presets import (
    BATCH_UNKNOWN,
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
        *sourced("release: utils/utils.py and train/hash_train.py", margin=1.0, uniformity=0.1),
        Given("proxies", "fixed", "release: the step of their optimiser is never called"),
    ),
    unknown=(*DSPH_UNKNOWN, BATCH_UNKNOWN),
    departures=(
        frozen_towers("1e-5"),
        "without the classifiers on CLIP's features, which change no code where these are frozen",
    ),
)
