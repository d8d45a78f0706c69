"""Contracts as test classes: what every method, dataset and metric keeps, for tests of one's own.

    from hashbench.testing import MethodContract

    class TestMine(MethodContract):
        method = "mine"

pytest finds a test for each check of `hashbench methods check`. A name is that of a plug-in of an
installed package, or the path of a one-file plug-in.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from hashbench.testing.verdict import Checks


class _Contract:
    """What the three contracts share. `data_dir` is the data folder; without one, features of the
    built-in data are computed anew for the session.
    """

    data_dir: ClassVar[Path | str | None] = None
    _checks: ClassVar[Checks | None] = None
    _folder: ClassVar[tempfile.TemporaryDirectory[str] | None] = None

    @classmethod
    def _made(cls, folder: Path, data_dir: Path) -> Checks:
        raise NotImplementedError

    @classmethod
    def teardown_class(cls) -> None:
        """Removes the runs that the checks made."""
        if cls._folder is not None:
            cls._folder.cleanup()
        cls._checks = cls._folder = None

    @classmethod
    def _require(cls, check: str) -> None:
        """Tries a check, once for all tests of the class; AssertionError where it fails."""
        if cls._checks is None:
            cls._folder = tempfile.TemporaryDirectory(prefix="hashbench-")
            data_dir = Path(_session_data().name if cls.data_dir is None else cls.data_dir)
            cls._checks = cls._made(Path(cls._folder.name), data_dir)
        verdict = cls._checks.verdict(check)
        if not verdict.passed:
            raise AssertionError(f"{check}: {verdict.text} {verdict.remedy}".strip())


@functools.cache
def _session_data() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="hashbench-data-")


class MethodContract(_Contract):
    """What every method keeps; `method` is its name or file."""

    method: ClassVar[str | Path] = ""

    @classmethod
    def _made(cls, folder: Path, data_dir: Path) -> Checks:
        from hashbench.testing.named import method_checks

        return method_checks(cls.method, folder, data_dir)

    def test_the_card_keeps_its_rules(self) -> None:
        """Names, ranges, ablations and the entry of the CARD."""
        self._require("card")

    def test_encoders_have_no_argument_for_labels_or_the_other_modality(self) -> None:
        """The signatures of the encoders."""
        self._require("encoders")

    def test_a_short_run_trains_and_is_scored(self) -> None:
        """Every loss is finite and every epoch reported."""
        self._require("trains")

    def test_the_audit_is_clean(self) -> None:
        """Codes change neither with labels nor with the paired modality."""
        self._require("audit")

    def test_codes_do_not_depend_on_the_batch(self) -> None:
        """Neither on its order nor on its size."""
        self._require("batches")

    def test_a_resumed_run_has_equal_codes(self) -> None:
        """Byte for byte."""
        self._require("resumes")

    def test_unknown_labels_are_handled(self) -> None:
        """Taken for dissimilar, and left out."""
        self._require("unknown labels")


class DatasetContract(_Contract):
    """What every dataset keeps; `dataset` is its name or file, its files lie below `data_dir`."""

    dataset: ClassVar[str | Path] = ""

    @classmethod
    def _made(cls, folder: Path, data_dir: Path) -> Checks:
        from hashbench.testing.named import dataset_checks

        return dataset_checks(cls.dataset, folder, data_dir)

    def test_the_card_keeps_its_rules(self) -> None:
        """Names, sizes and presets of the CARD."""
        self._require("card")

    def test_it_loads(self) -> None:
        """Files are present, and make a Dataset."""
        self._require("loads")

    def test_it_is_the_same_when_it_is_loaded_again(self) -> None:
        """Items, labels, captions and the fingerprint."""
        self._require("repeats")

    def test_items_are_whole(self) -> None:
        """Unique ids, captions, pictures that can be read."""
        self._require("items")

    def test_its_split_keeps_queries_apart(self) -> None:
        """Queries are not in the database, and find something there."""
        self._require("split")

    def test_a_run_on_it_is_scored(self) -> None:
        """Features, codes and scores of a method without training."""
        self._require("runs")


class MetricContract(_Contract):
    """What every metric keeps; `metric` is its name or file."""

    metric: ClassVar[str | Path] = ""

    @classmethod
    def _made(cls, folder: Path, data_dir: Path) -> Checks:  # noqa: ARG003
        from hashbench.testing.named import metric_checks

        return metric_checks(cls.metric)

    def test_its_names_are_read_back(self) -> None:
        """The examples and reported names of the MEASURE."""
        self._require("card")

    def test_values_are_within_their_range(self) -> None:
        """Under every tie rule."""
        self._require("range")

    def test_tie_rules_are_in_their_order(self) -> None:
        """worst, expected, best."""
        self._require("ties")

    def test_the_expected_value_is_the_mean_over_orders_of_ties(self) -> None:
        """Against many orders of the database."""
        self._require("mean over ties")

    def test_the_order_of_items_does_not_matter(self) -> None:
        """Nor do other queries."""
        self._require("order")

    def test_relevant_items_first_is_better(self) -> None:
        """As higher_is_better says."""
        self._require("better")

    def test_random_codes_score_what_it_says(self) -> None:
        """The random floor, against many random codes."""
        self._require("random codes")
