"""The history and the runs of this folder as pages that a browser asks for: `flakeproof dashboard`."""
