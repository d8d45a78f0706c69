"""hashbench: a terminal workbench that benchmarks prompt-guided cross-modal hashing."""

__version__ = "0.1.0"
