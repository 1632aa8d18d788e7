"""From what a red CI job has left to a command that fails: `flakeproof ci`."""
