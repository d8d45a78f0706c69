"""What can run and what shall run: cards, the catalogue that finds them, and run specs."""
