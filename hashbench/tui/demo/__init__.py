"""`hashbench tui --demo`: recorded runs, played into a folder that vanishes with the demo."""
