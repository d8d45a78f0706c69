"""What the release of JDSH runs with (github KaiserLew/JDSH)."""

from hashbench.methods.frozen_presets import BITS_TO_128, frozen_network
from hashbench.plan.preset import Preset, sourced

_CONFIG = "release: config/*.json, for MIRFlickr-25K"

PAPER_PRESET = Preset(
    datasets=("mirflickr25k",),
    options=(BITS_TO_128,),
    params=(
        *sourced(_CONFIG, epochs=300, batch_size=32, lr=0.01),
        *sourced(_CONFIG, images=0.5, texts=0.1, across=0.4, mu=1.4, intra=0.1),
        *sourced(_CONFIG, below=2.0, above=4.0, dissimilar=0.1, similar=0.2),
    ),
    unknown=(
        "values for other datasets",
        "the items of the split, and which epoch is reported",
        "the hidden layer of a head on frozen features",
    ),
    departures=(
        frozen_network("an AlexNet"),
        (
            "thresholds are fitted to the run's own similarities; the release's are those of "
            "AlexNet and bags of words: --ablate released-thresholds"
        ),
    ),
)
