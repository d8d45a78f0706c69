"""Reports: one page about many runs, as a self-contained HTML file or a PDF."""
