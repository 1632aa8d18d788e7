"""Perturbations as they are asked for: how each is written, what it is for, and whether it is possible here."""
