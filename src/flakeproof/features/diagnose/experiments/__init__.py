"""The experiments, each a way of running the target that one or two causes would show in."""
