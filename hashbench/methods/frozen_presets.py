"""What presets of methods on frozen features have in common; for cards, without torch."""

from __future__ import annotations

from hashbench.plan.preset import Given, sourced

CLIP_B32 = sourced(
    "release: the CLIP of OpenAI, ViT-B/32", backbone="ViT-B-32", pretrained="openai"
)
"""The backbone of the methods that came with CLIP."""

BITS = Given("bits", (16, 32, 64), "tables of the field")
BITS_TO_128 = Given("bits", (16, 32, 64, 128), "tables of the paper")

ON_TEST = Given(
    "select",
    "test",
    "release: keeps the best epoch on the test queries, of each direction apart",
)

DSPH_FRAME = (
    *CLIP_B32,
    BITS,
    Given("split", "dsph", "release: seed 1814, 5,000 queries and 10,000 training items"),
    ON_TEST,
)
"""Options of the four methods of the group that made DSPH."""

DSPH_HEADS = sourced(
    "release: BertAdam with a warm-up over a tenth of training",
    lr=1e-3,
    weight_decay=0.2,
    dropout=0.2,
    epochs=100,
)
"""Parameters that their heads share."""

DSPH_DATASETS = ("mirflickr25k", "nuswide", "coco")

DSPH_UNKNOWN = (
    "the paper's text: values are those of the release",
    "seeds and number of runs behind the tables",
)
BATCH_UNKNOWN = "the batch size: the group's later kit has 300 and 200 epochs, DSPH's README 128"


def frozen_towers(rate: str) -> str:
    """What a run does otherwise than a release that tunes CLIP along with the heads."""
    return (
        f"frozen: heads alone are trained, on features that do not change; the release tunes all "
        f"of CLIP at {rate}"
    )


def frozen_network(networks: str) -> str:
    """What a run does otherwise than a paper that trains convolutional networks on pixels."""
    return (
        "frozen: heads alone are trained, on the backbone's features that do not change; the paper "
        f"trains {networks}"
    )
