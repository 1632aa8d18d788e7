"""What is kept of a run: its folder, its log, and for how long."""
