"""What the commands about one dataset share: their options, the dataset and its split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hashbench.datasets.base import Dataset
    from hashbench.datasets.splits import Split
    from hashbench.plan.card import DatasetCard

Name = Annotated[str, typer.Argument(help="Name, as `hashbench datasets list` prints.")]
SplitName = Annotated[
    str, typer.Option("--split", help="own, a name such as prompthash or pcril, or FILE.json.")
]
SplitSeed = Annotated[int, typer.Option("--split-seed", min=0, help="Seed of the split.")]
QuerySize = Annotated[int | None, typer.Option("--query-size", min=1, help="Number of queries.")]
TrainSize = Annotated[
    int | None, typer.Option("--train-size", min=2, help="Number of training items.")
]


def load_dataset(name: str, data_dir: Path) -> tuple[Dataset, DatasetCard]:
    """The dataset and its card. Raises InputError naming the missing files."""
    from hashbench.datasets.availability import missing
    from hashbench.errors import InputError
    from hashbench.plan import catalog

    card = catalog.dataset(name, data_dir, where="datasets")
    # pictures are not needed to show labels, captions and splits
    if absent := missing(card, data_dir, name, pictures=False):
        raise InputError(absent, remedy=f"the files go into {card.layout}" if card.layout else None)
    return catalog.load(card.entry)(data_dir, card.values(name)), card


def draw_split(
    dataset: Dataset,
    card: DatasetCard,
    name: str,
    split: str,
    query_size: int | None,
    train_size: int | None,
    seed: int,
) -> Split:
    """The split of that name, as a run of the dataset `name` draws it."""
    from hashbench.datasets.named_splits import choose
    from hashbench.plan import released_splits

    sizes = released_splits.sizes(split, card, name)
    query, train = query_size or sizes.query, train_size or sizes.train
    usual_sizes = query_size is None and train_size is None
    return choose(dataset, split, query, train, seed, usual_sizes=usual_sizes)
