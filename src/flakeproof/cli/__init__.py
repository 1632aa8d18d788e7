"""The command line: one module per command, no decisions in them."""
