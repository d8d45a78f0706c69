"""The measures, one file each; each holds a MEASURE, see `hashbench.metrics.measure`."""
