"""The workbench in the terminal: app, screens, widgets, and the one reader of all runs."""
