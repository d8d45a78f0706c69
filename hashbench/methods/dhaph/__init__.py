"""DHaPH: supervised contrast that first counts easy pairs, then hard ones."""

from hashbench.methods.dhaph.presets import PAPER_PRESET
from hashbench.methods.frozen_params import DROPOUT, training_params
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="dhaph",
    title="DHaPH",
    summary="Contrast of similar with dissimilar pairs, weighted by how hard they are, more so as "
    "training goes on; frozen features, heads alone are trained.",
    paper="Huo et al., Deep hierarchy-aware proxy hashing with self-paced learning for cross-modal "
    "retrieval, TKDE 2024",
    year=2024,
    entry="hashbench.methods.dhaph.method:Dhaph",
    paper_preset=PAPER_PRESET,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=30, batch_size=128, lr=1e-3, weight_decay=0.2),
        DROPOUT,
        Param("temperature", 0.3, "of the cosines", low=0.001, high=100.0),
        Param(
            "pace",
            3.0,
            "delta = min(1, pace * epoch / epochs) weighs pairs; 0 weighs all alike",
            low=0.0,
            high=1e4,
        ),
    ),
    ablations=(Ablation("no-self-pacing", "all pairs weigh alike", {"pace": 0.0}),),
)
