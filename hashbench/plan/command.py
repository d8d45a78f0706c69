"""A request as the `hashbench run` command that means the same."""

from __future__ import annotations

import shlex

from hashbench.plan import plugins
from hashbench.plan.run_options import Request, options


def command_words(request: Request) -> list[str]:
    """The words of the command; what is at its default is left out. Folders of one-file plug-ins
    are named, since another shell knows nothing of them.
    """
    words = ["hashbench", "run"]
    for folder in plugins.folders():
        words += ["--methods", str(folder)]
    for key, option in options().items():
        words += option.words(getattr(request, key))
    return words


def command_line(request: Request) -> str:
    """The command as one would type it into a shell."""
    return shlex.join(command_words(request))
