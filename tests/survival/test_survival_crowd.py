"""The queue under a crowd: 24 runs at once from three processes, with two slots."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.survival.crowd import crowd, most_at_once, overtakings


def test_the_figures_count_right() -> None:
    assert most_at_once([]) == 0
    assert most_at_once([(0, 2), (2, 4), (1, 3)]) == 2
    assert most_at_once([(0, 9), (1, 5), (2, 3)]) == 3
    assert overtakings([(1, 0.5), (2, 0.7), (3, 0.7)], [0.6]) == 0
    assert overtakings([(3, 0.1), (1, 0.5), (2, 0.7)], [0.3]) == 2
    assert overtakings([(3, 0.1), (1, 0.5), (2, 0.7)], [0.6]) == 1
    assert overtakings([(2, 0.1), (1, 0.2)], [0.3]) == 0


@pytest.mark.slow  # 24 workers, each of which imports torch
@pytest.mark.parametrize("kills", [0, 6])
def test_a_crowd_trains_two_at_a_time_in_order(tmp_path: Path, data_dir: Path, kills: int) -> None:
    outcome = crowd(tmp_path, data_dir, each=8, launchers=3, kills=kills)
    assert outcome.finished == outcome.runs == 24, outcome
    assert outcome.killed == kills
    assert outcome.most_at_once == 2, outcome
    assert outcome.overtakings == 0, outcome
