"""What the paper of ITQ runs with."""

from hashbench.plan.preset import Given, Preset

PAPER_PRESET = Preset(
    datasets=(),
    options=(),
    params=(Given("rounds", 50, "paper, section 2.2"),),
    unknown=("anything of images and texts together: the paper hashes images alone",),
)
