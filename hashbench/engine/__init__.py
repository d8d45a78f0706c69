"""The trainer: `python -m hashbench.engine runs/<id>` trains, checkpoints and scores a run."""
