"""hashbench: a terminal workbench that benchmarks prompt-guided cross-modal hashing.

For programs and notebooks it is a library, too (`hashbench guide python`):

    evaluate(query, database, query_labels, database_labels)   exact scores of codes
    RetrievalMetric(metrics)                     the same, fed batch by batch, as torchmetrics is
    audit_codes(query, database, query_labels, database_labels)    do labels leak into codes?
    load_codes(path)                             codes out of .mat, .npz and .npy files
    load_run(name), train(method=..., ...)       a run: its events, scores and codes
    compare(runs)                                runs and code files in tables
    plot(kind, runs)                             figures of runs

Names are loaded when they are first used; importing the package imports nothing heavy, and none of
them imports torch.

>>> import hashbench
>>> query, database = [[1, -1, 1]], [[1, -1, 1], [1, 1, 1], [-1, 1, -1]]
>>> scores = hashbench.evaluate(query, database, [[1, 0]], [[1, 0], [0, 1], [1, 1]])
>>> round(scores.value, 4)
0.8333
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashbench.api.arrays import load_codes as load_codes
    from hashbench.api.audits import CodeAudit as CodeAudit
    from hashbench.api.audits import audit_codes as audit_codes
    from hashbench.api.comparisons import Comparison as Comparison
    from hashbench.api.comparisons import compare as compare
    from hashbench.api.evaluation import Evaluation as Evaluation
    from hashbench.api.evaluation import MetricResult as MetricResult
    from hashbench.api.evaluation import evaluate as evaluate
    from hashbench.api.figures import Plot as Plot
    from hashbench.api.figures import plot as plot
    from hashbench.api.retrieval_metric import RetrievalMetric as RetrievalMetric
    from hashbench.api.runs import Run as Run
    from hashbench.api.runs import load_run as load_run
    from hashbench.api.training import train as train
    from hashbench.codefiles.load import RetrievalTask as RetrievalTask
    from hashbench.errors import HashbenchError as HashbenchError
    from hashbench.errors import InputError as InputError

__version__ = "0.1.0"

_WHERE = {
    "CodeAudit": "api.audits",
    "Comparison": "api.comparisons",
    "Evaluation": "api.evaluation",
    "HashbenchError": "errors",
    "InputError": "errors",
    "MetricResult": "api.evaluation",
    "Plot": "api.figures",
    "RetrievalMetric": "api.retrieval_metric",
    "RetrievalTask": "codefiles.load",
    "Run": "api.runs",
    "audit_codes": "api.audits",
    "compare": "api.comparisons",
    "evaluate": "api.evaluation",
    "load_codes": "api.arrays",
    "load_run": "api.runs",
    "plot": "api.figures",
    "train": "api.training",
}
"""The module of each public name, below this package."""

__all__ = [*_WHERE, "__version__"]  # noqa: PLE0604  # all of them strings


def __getattr__(name: str) -> Any:
    """A public name, loaded when it is first asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, whether they are loaded or not."""
    return sorted({*globals(), *_WHERE})
