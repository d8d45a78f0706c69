"""What `import hashbench` offers to programs: a thin face on the rooms, without torch."""
