"""The run folder, the only thing that processes share: layout, events, writer, tailer, state."""
