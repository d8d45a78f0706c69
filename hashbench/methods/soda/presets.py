"""What is known of SODA's settings; its code is not public."""

from hashbench.plan.preset import Given, Preset, sourced

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide"),
    options=(Given("bits", (16, 32, 64, 128), "summary of the paper"),),
    params=(
        *sourced("abstract", scheme="two-stage", image_codes="frozen"),
        *sourced("summary of the paper", prompt="sentence", template="An image of {}."),
    ),
    unknown=(
        "which CLIP encodes, and whether it is tuned",
        (
            "layers, learning rates, batch size, epochs, alpha and beta; those of the built-in "
            "data are taken"
        ),
        "the split, its sizes, and what chooses the epoch",
        "the tables",
    ),
)
