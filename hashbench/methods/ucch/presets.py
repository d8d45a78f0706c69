"""What the release of UCCH runs with (github penghu-cs/UCCH)."""

from hashbench.methods.frozen_presets import BITS_TO_128
from hashbench.plan.preset import Given, Preset, sourced

_README = "release: README, the command for MIRFlickr-25K"

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide", "coco", "iaprtc12"),
    options=(
        BITS_TO_128,
        Given(
            "select",
            "validation",
            "release: labels of 2,000 database items choose the epoch, as validation queries here",
        ),
    ),
    params=(
        *sourced(_README, epochs=20, batch_size=256, lr=1e-4, weight_decay=1e-6),
        *sourced(_README, alpha=0.7, margin=0.2, shift=0.1),
        *sourced("release: nets", hidden=8192, image_depth=2, text_depth=1),
        *sourced("release: NCE/NCEAverage.py", negatives=4096, momentum=0.4, temperature=0.9),
        Given("warm_up", 1, "release: UCCH.py"),
    ),
    unknown=(
        "values for other datasets than MIRFlickr-25K; the code's defaults are others",
        "the items of the split",
    ),
    departures=(
        (
            "frozen: networks on the backbone's features, as in the release, which has those of "
            "VGG-19 and of bags of words"
        ),
        "an epoch's last, smaller batch is not left out",
    ),
)
