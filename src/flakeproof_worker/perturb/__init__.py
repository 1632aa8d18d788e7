"""Perturbations: changes to the surroundings of a trial that provoke failures, drawn from the trial's seed."""
