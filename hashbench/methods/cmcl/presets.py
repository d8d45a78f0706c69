"""What the release of CMCL runs with (github DarrenZZhang/CMCL)."""

from hashbench.methods.frozen_presets import BITS, CLIP_B32, ON_TEST, frozen_towers
from hashbench.plan.preset import Given, Preset, sourced

_SCRIPTS = "release: CMCL_*.sh"
_MODEL = "release: hash_model.py"

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide", "coco"),
    options=(*CLIP_B32, BITS, Given("split", "mith", "release: seed fixed to 1"), ON_TEST),
    params=(
        *sourced(_SCRIPTS, "mirflickr25k", epochs=30, lr=1e-3, delta=0.001),
        *sourced(_SCRIPTS, "nuswide", epochs=10, lr=2e-3, delta=0.001),
        *sourced(_SCRIPTS, "coco", epochs=30, lr=2e-3, delta=0.005),
        *sourced("release: train_asym.py", batch_size=128, weight_decay=0.01),
        *sourced(
            "release: train_asym.py",
            intra=0.005,
            inter=5.0,
            quantisation=1.0,
            alignment=5.0,
            temperature=0.07,
        ),
        *sourced(_MODEL, dropout=0.5, auxiliary_bits=128, mu=20.0),
    ),
    unknown=(
        "the paper's text and tables: values are those of the release",
        "seeds and number of runs behind the tables",
    ),
    departures=(
        frozen_towers("1e-6, or not at all with --is-freeze-clip"),
        "the global branch alone, without the concepts that attend to patch and word tokens",
        "the best of all epochs, where the release scores every second or third one",
    ),
)
