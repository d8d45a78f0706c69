"""ITQ: principal directions, rotated to the nearest signs; a floor without training."""

from hashbench.methods.frozen_params import ROTATION_ROUNDS
from hashbench.methods.itq.presets import PAPER_PRESET
from hashbench.plan.card import Ablation, MethodCard

CARD = MethodCard(
    name="itq",
    title="ITQ",
    summary="Principal directions that images and texts share, rotated to the signs nearest to "
    "them, on frozen features.",
    paper="Gong and Lazebnik, Iterative quantization, CVPR 2011",
    year=2011,
    entry="hashbench.methods.itq.method:Itq",
    paper_preset=PAPER_PRESET,
    needs_joint_space=True,
    supervised=False,
    params=(ROTATION_ROUNDS,),
    ablations=(Ablation("random-rotation", "no round: a random rotation", {"rounds": 0}),),
)
