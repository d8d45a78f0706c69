"""PCA-sign: signs of principal directions, a floor without training."""

from hashbench.plan.card import MethodCard

CARD = MethodCard(
    name="pca-sign",
    title="PCA-sign",
    summary="Signs of the principal directions that images and texts share, on frozen features; "
    "nothing is trained.",
    paper="Gong and Lazebnik, Iterative quantization, CVPR 2011 (its starting point)",
    year=2011,
    entry="hashbench.methods.pca_sign.method:PcaSign",
    needs_joint_space=True,
    supervised=False,
)
