"""What the paper and the release of SSAH run with (github lelan-li/SSAH)."""

from hashbench.methods.frozen_presets import BITS, frozen_network
from hashbench.plan.preset import Given, Preset, sourced

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide", "coco"),
    options=(BITS,),
    params=(
        *sourced("release: tnet.py", hidden=4096, feature=512),
        *sourced("release: setting.py", batch_size=128),
        *sourced(
            "paper and release: all weights are 1",
            feature_pairs=1.0,
            quantisation=1.0,
            classification=1.0,
        ),
        Given("pairs", "likelihood", "paper; the release has a square: --ablate squared-pairs"),
        Given("targets", "unified", "paper; the release has own signs: --ablate specific-codes"),
    ),
    unknown=(
        "which 2,000 queries and 10,000 training items are drawn, and which epoch is reported",
        "the weight of the adversaries between means, where the paper weighs sums",
        (
            "how many passes count: the release's rates fall by sqrt(10) with every round over its "
            "networks, so that after about 6 of its 500 rounds nothing moves"
        ),
    ),
    departures=(
        frozen_network("CNN-F on pixels and pooled bags of words"),
        (
            "one stage for labels and one for images and texts, at one rate each that falls along "
            "a cosine; the release has rounds, from 1e-2 (labels), 10^-4.5 (images) and 10^-3.5 "
            "(texts)"
        ),
        "a working adversary, as in the paper; the release's moves no network: --ablate released",
    ),
)
