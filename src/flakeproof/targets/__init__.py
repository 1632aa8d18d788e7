"""What can be executed, and how a name on the command line becomes it."""
