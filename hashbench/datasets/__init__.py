"""Datasets: items, labels, splits and label masks, as numpy arrays; one file or folder each."""
