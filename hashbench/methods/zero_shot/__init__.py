"""Zero-shot label codes: which class names a feature is near to, as bits."""

from hashbench.methods.frozen_params import CLASS_CODES
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="zero-shot",
    title="Zero-shot label codes",
    summary="Similarities of frozen features with prompts of the class names, as bits; neither "
    "labels nor training.",
    paper="Radford et al., Learning transferable visual models, ICML 2021 (its classifier)",
    year=2021,
    entry="hashbench.methods.zero_shot.method:ZeroShot",
    needs_prompts=True,
    needs_encoders=True,
    needs_joint_space=True,
    supervised=False,
    params=(
        Param("template", "a photo of a {}.", "the prompt of a class", template=True),
        Param(
            "scores",
            "standardised",
            "cosines, less the mean over training items and by their deviation (standardised), or "
            "softmax over the classes of 100 times the cosines (softmax)",
            choices=("standardised", "softmax"),
        ),
        CLASS_CODES,
    ),
    ablations=(
        Ablation(
            "softmax", "probabilities in place of standardised cosines", {"scores": "softmax"}
        ),
        Ablation("itq-codes", "bits from ITQ in place of a Hadamard matrix", {"codes": "itq"}),
    ),
)
