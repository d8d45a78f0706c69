"""Claims that others can check: verifying scores, bundles of runs, repeating a run."""
