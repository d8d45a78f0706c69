"""CIRH: a graph network makes codes of both modalities at once, and hash functions learn them."""

from hashbench.methods.cirh.presets import PAPER_PRESET
from hashbench.methods.frozen_params import training_params
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="cirh",
    title="CIRH",
    summary="Unsupervised: a graph network over similar items makes binary codes from image and "
    "text, which a hash function for each modality learns. Frozen: networks on features.",
    paper="Zhu, Wu, Li, Zhang, Guan, Shen, Work Together: Correlation-Identity Reconstruction "
    "Hashing, TKDE 2022",
    year=2022,
    entry="hashbench.methods.cirh.method:Cirh",
    paper_preset=PAPER_PRESET,
    supervised=False,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=40, batch_size=512, lr=1e-3, weight_decay=0.0),
        Param("graph_lr", 1e-3, "learning rate of the graph network", low=0.0, high=1.0),
        Param("hidden", 512, "width of the graph network", low=1, high=65536),
        Param(
            "image_hidden",
            4096,
            "hidden width of the images' hash function; that of texts is as wide as their features",
            low=1,
            high=65536,
        ),
        Param("dropout", 0.3, "dropout of the hash functions", low=0.0, high=0.99),
        Param("images", 0.6, "share of images in the similarity (a1)", low=0.0, high=1.0),
        Param("direct", 0.6, "share of the plain similarity in the whole (a2)", low=0.0, high=1.0),
        Param(
            "cut",
            0.6,
            "share of the training items, the least similar to an item, whose similarity is 0",
            low=0.0,
            high=0.99,
        ),
        Param("reconstruction", 10.0, "weight of reconstructed features", low=0.0, high=1e4),
        Param("structure", 1.0, "weight of the structure of the graph codes", low=0.0, high=1e4),
        Param("hash_structure", 0.01, "that of the hash functions' codes", low=0.0, high=1e4),
        Param(
            "rows",
            "items",
            "the similarity that hash functions learn from is that of the batch (items), or of the "
            "training items at the batch's place in an epoch (places, as released)",
            choices=("items", "places"),
        ),
    ),
    ablations=(
        Ablation("no-reconstruction", "features are not reconstructed", {"reconstruction": 0.0}),
        Ablation("no-structure", "no structure in the graph codes", {"structure": 0.0}),
        Ablation("no-hash-structure", "hash functions fit codes alone", {"hash_structure": 0.0}),
        Ablation(
            "shuffled-similarity",
            "as released: shuffled items meet the similarity of others",
            {"rows": "places"},
        ),
    ),
)
