"""Studies: from a question to runs, figures, a table and a verdict; each is one TOML file."""
