"""Sanitizers: they watch what a trial does with descriptors, threads, tasks, child processes and temporary files."""
