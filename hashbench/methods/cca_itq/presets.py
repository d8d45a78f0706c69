"""What the paper of CCA-ITQ runs with."""

from hashbench.plan.preset import Given, Preset, sourced

PAPER_PRESET = Preset(
    datasets=(),
    options=(),
    params=(
        Given("rounds", 50, "paper, section 2.2"),
        *sourced("paper, section 3: images with their labels", correlate="labels"),
    ),
    unknown=(
        "anything of images and texts together: the paper hashes images alone",
        "the ridge of its covariances on these features",
    ),
)
