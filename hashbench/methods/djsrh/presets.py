"""What the release of DJSRH runs with (github zzs1994/DJSRH)."""

from hashbench.methods.frozen_presets import BITS_TO_128, frozen_network
from hashbench.plan.preset import Given, Preset, sourced

_SETTINGS = "release: settings.py"

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide"),
    options=(BITS_TO_128,),
    params=(
        *sourced(_SETTINGS, epochs=80, batch_size=32, weight_decay=5e-4),
        Given("lr", 0.01, "release: settings.py, that of texts; that of images is 0.001"),
        Given("beta", 0.9, _SETTINGS, ("mirflickr25k",)),
        Given("beta", 0.6, _SETTINGS, ("nuswide",)),
        *sourced(_SETTINGS, image=0.1, text=0.1, mu=1.5, eta=0.4),
        Given("annealed", value=True, source="release: models.py, sqrt(epoch + 1)"),
    ),
    unknown=(
        "the items of the split, and which epoch is reported",
        "the hidden layer of a head on frozen features",
    ),
    departures=(
        frozen_network("an AlexNet, and compares images by those of a second, frozen one"),
        "the paper's scores are mAP@50; ask for it with --metric mAP@50",
    ),
)
