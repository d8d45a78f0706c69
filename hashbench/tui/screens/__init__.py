"""The screens: each owns its state and hands plain values to its widgets."""
