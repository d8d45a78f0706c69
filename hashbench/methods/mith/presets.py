"""What the release of MITH runs with (github DarrenZZhang/MM23-MITH)."""

from hashbench.methods.frozen_presets import BITS, CLIP_B32, ON_TEST
from hashbench.plan.preset import Given, Preset, sourced

_TRAINING = "release: train_asym.py and utils/get_args.py"
_MODEL = "release: hash_model.py"

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide", "coco"),
    options=(
        *CLIP_B32,
        BITS,
        Given("split", "mith", "release: seed 1, whatever --seed says"),
        ON_TEST,
    ),
    params=(
        *sourced(_TRAINING, epochs=30, batch_size=128, lr=1e-3, weight_decay=0.01),
        *sourced(_TRAINING, inter=10.0, quantisation=8.0, alignment=50.0, temperature=0.07),
        *sourced(_TRAINING, intra=1.0, concepts=0.01, distillation=1.0),
        Given("strongest", 8, _MODEL),
        Given("backbone_lr", 2e-6, "release: for all of CLIP, here for the blocks that are tuned"),
    ),
    unknown=(
        "the paper's text: values are those of the release",
        "seeds and number of runs behind the tables",
    ),
    departures=(
        (
            "frozen: heads alone are trained, the global branch alone; the release tunes all of "
            "CLIP and gathers concepts from tokens besides: --ablate full-tuned-2"
        ),
        "memories start at zero, the release's at random",
    ),
)
