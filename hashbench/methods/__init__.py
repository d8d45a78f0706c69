"""The methods, one folder each; the folder's `__init__` holds the card, the rest the model."""
