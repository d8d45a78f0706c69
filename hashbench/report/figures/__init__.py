"""Figures of runs: their numbers, computed in one place, and what draws them on paper and in a
terminal.
"""
