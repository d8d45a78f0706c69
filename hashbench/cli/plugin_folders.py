"""`--methods DIR`: folders of one-file plug-ins, an option of every command that looks names up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typer.core import TyperGroup, TyperOption


def add_option(command: Any) -> None:
    """Gives the option to a command, or to each of a group's.

    The commands themselves do not get its value: the folders are those of the whole process, and of
    all that it starts.
    """
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            add_option(each)
        return
    option = TyperOption(
        param_decls=["--methods"],
        type=str,
        multiple=True,
        metavar="DIR",
        help="Folder of one-file methods, datasets and metrics, see `hashbench guide extending`; "
        "HASHBENCH_METHODS names such folders as well, separated by colons.",
        is_eager=True,  # before whatever else is looked up
        expose_value=False,
        callback=_use,
    )
    command.params.append(option)


def _use(_context: Any, _option: Any, given: Sequence[str]) -> None:
    if given:
        from hashbench.plan import plugins

        plugins.use_folders([Path(folder) for folder in given])
