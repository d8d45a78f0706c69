"""What a run will cost on this machine, as it is measured before the run starts."""

from __future__ import annotations

import msgspec


class RunEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, and bytes of disk and memory, of one run.

    `feature_seconds` encode the dataset, 0 where its features are cached; `training_seconds` are
    those of all stages, `scoring_seconds` those of scoring after each epoch and at the end.
    `cache_bytes` are entries of the feature cache that are still to be made, which runs on the same
    features share (`cache_key`); `run_bytes` are the run's own checkpoint and codes. `memory_bytes`
    is the peak of the worker's memory, `gpu_bytes` that of its GPU. `notes` say what is not
    counted, and how far the figures can be relied on.
    """

    feature_seconds: float
    training_seconds: float
    scoring_seconds: float
    cache_key: str
    cache_bytes: int
    run_bytes: int
    memory_bytes: int
    gpu_bytes: int = 0
    gpu_total: int = 0
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """From start to end."""
        return self.feature_seconds + self.training_seconds + self.scoring_seconds

    @property
    def disk_bytes(self) -> int:
        """All that the run adds to the disk if no other run made its features before."""
        return self.cache_bytes + self.run_bytes
