"""Perturbations as users write them: the form of each, its targets, and whether this machine permits it."""
