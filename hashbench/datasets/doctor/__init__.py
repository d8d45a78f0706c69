"""The doctor of datasets: finds what is wrong with one and how to mend it."""
