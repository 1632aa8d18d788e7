"""The targets that can be executed, and how words of a command line become a target."""
