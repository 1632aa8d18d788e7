"""Leaks: threads, tasks, child processes and temporary files that outlive the trial that made them."""
