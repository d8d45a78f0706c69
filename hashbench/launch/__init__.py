"""Starting, stopping and resuming workers; a worker is a process of its own."""
