"""The doctor of datasets: finds what is wrong with one, says so, and says what to do about it."""
