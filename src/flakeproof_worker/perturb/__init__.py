"""Changes to the surroundings of a trial that provoke failures, each drawn from the seed of the trial."""
