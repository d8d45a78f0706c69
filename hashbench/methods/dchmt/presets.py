"""What the release of DCHMT runs with (github kalenforn/DCHMT)."""

from hashbench.methods.frozen_presets import BITS, CLIP_B32, ON_TEST
from hashbench.plan.preset import Given, Preset, sourced

_COMMAND = "release: the README's command"

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide", "coco"),
    options=(
        *CLIP_B32,
        BITS,
        Given("split", "dcmht", "release: seed 1814"),
        ON_TEST,
    ),
    params=(
        Given("lr", 1e-4, "release: the README's command; 1e-3 by default"),
        Given("batch_size", 256, "release: the README's command; 64 by default"),
        Given("theta", 0.75, "release: the README's command; 0.5 by default"),
        *sourced(_COMMAND, epochs=100, weight_decay=0.2),
        Given("backbone_lr", 1e-5, "release: for all of CLIP, here for the blocks that are tuned"),
        Given("head", "original", "release: model/hash_model.py"),
        Given("quantisation", 0.0, "release: its argument is commented out"),
    ),
    unknown=(
        "whether the tables come from the command or from the defaults",
        "seeds and number of runs behind the tables",
    ),
    departures=(
        (
            "frozen: heads alone are trained, where the release tunes all of CLIP; --ablate "
            "tuned-2 tunes its last two blocks"
        ),
    ),
)
