"""What the paper and the official code of DCMH run with (github jiangqy/DCMH-CVPR2017)."""

from hashbench.methods.frozen_presets import BITS, frozen_network
from hashbench.plan.preset import Given, Preset, sourced

_DEMO = "official code: DCMH_demo.m"

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide", "iaprtc12"),
    options=(BITS,),
    params=(
        *sourced("official code: process_DCMH.m", optimiser="sgd", memory_start="zero"),
        Given("lr", 10**-1.5, _DEMO),
        Given("lr_end", 1e-3, "official code: logspace(-1.5, -3); a port ends at 1e-6"),
        *sourced(_DEMO, epochs=500, batch_size=128),
        *sourced("paper, section 4.3; official code", gamma=1.0, eta=1.0),
    ),
    unknown=(
        "which 2,000 queries and 10,000 training items are drawn, and over how many draws",
        "which epoch is reported",
        "the width of a hidden layer on frozen features, where the text network has 8,192",
    ),
    departures=(
        frozen_network("CNN-F on pixels and a network on bags of words"),
        "image and text networks take turns within a step, not from epoch to epoch",
    ),
)
