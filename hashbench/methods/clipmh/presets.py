"""What the release of CLIPMH holds (github HackerHyper/CLIPMH): the network alone."""

from hashbench.methods.frozen_presets import BITS_TO_128
from hashbench.plan.preset import Preset, sourced

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide", "coco"),
    options=(BITS_TO_128,),
    params=(*sourced("release: the model", hidden=256, gated=True),),
    unknown=(
        "the loss and all of training: neither is released, those of PGHMH stand for them",
        "which CLIP encodes, and whether it is tuned: frozen here",
        "the split and its sizes",
    ),
)
