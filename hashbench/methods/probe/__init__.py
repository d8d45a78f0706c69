"""Probe codes: a linear classifier on frozen features, its scores as bits."""

from hashbench.methods.frozen_params import CLASS_CODES
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="probe",
    title="Probe codes",
    summary="The supervised floor: a linear classifier a modality on frozen features, and signs of "
    "a fixed projection of its class scores.",
    paper="no paper: the control that a deep supervised method has to beat",
    year=2026,
    entry="hashbench.methods.probe.method:Probe",
    params=(
        Param(
            "classifier",
            "ridge",
            "regression of the labels, solved at once (ridge), or logistic regression (logistic)",
            choices=("ridge", "logistic"),
        ),
        Param("ridge", 0.01, "weight of |W|^2 beside the mean loss of an item", low=0.0, high=1e6),
        CLASS_CODES,
    ),
    ablations=(
        Ablation(
            "logistic",
            "probabilities of logistic regression",
            {"classifier": "logistic", "ridge": 1e-4},
        ),
        Ablation("itq-codes", "bits from ITQ in place of a Hadamard matrix", {"codes": "itq"}),
    ),
)
