"""The command line: parse, defer, print."""
