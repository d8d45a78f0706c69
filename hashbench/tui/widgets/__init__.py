"""Widgets: they get values and post messages, and know neither the app nor the reader."""
