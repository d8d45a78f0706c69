"""What the release of CIRH runs with (github XizeWu/CIRH)."""

from hashbench.methods.frozen_presets import BITS_TO_128
from hashbench.plan.preset import Given, Preset, sourced

_FLICKR, _NUS = "release: main_mir.py", "release: its program for NUS-WIDE"
_NETWORKS = "release: models.py"

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide"),
    options=(BITS_TO_128, Given("select", "test", "release: the best of its evaluations on test")),
    params=(
        *sourced(_FLICKR, "mirflickr25k", images=0.6, direct=0.6, epochs=60),
        *sourced(_NUS, "nuswide", images=0.5, direct=0.5, epochs=120),
        Given("cut", 0.6, "release: main_mir.py, 3,000 of 5,000", ("mirflickr25k",)),
        Given("cut", 0.66, "release: its program for NUS-WIDE, 3,300 of 5,000", ("nuswide",)),
        *sourced(_FLICKR, "mirflickr25k", graph_lr=1e-3, lr=1e-4),
        *sourced(_NUS, "nuswide", graph_lr=1e-4, lr=1e-4),
        *sourced("release: my_opt.py", batch_size=512, reconstruction=10.0, structure=1.0),
        Given("hash_structure", 0.01, "release: my_opt.py"),
        *sourced(_NETWORKS, hidden=512, image_hidden=4096, dropout=0.3),
    ),
    unknown=(
        "the paper's text: values are those of the release",
        "the seed: the code says to choose a suitable one",
    ),
    departures=(
        (
            "frozen: networks on the backbone's features, as in the release, which has others of "
            "images and bags of words"
        ),
        (
            "hash functions learn from the similarity of their own items; the release pairs "
            "shuffled items with that of others: --ablate shuffled-similarity"
        ),
        "the paper's scores are mAP@50; ask for it with --metric mAP@50",
    ),
)
