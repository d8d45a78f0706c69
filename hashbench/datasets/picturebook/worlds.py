"""Which worlds a dataset may show. Pre-training takes its scenes from the seeds above."""

LARGEST_DATASET_SEED = 999_999
