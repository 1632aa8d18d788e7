"""Sanitizers: they watch what a trial does with descriptors, threads, tasks, children and temporary files."""
