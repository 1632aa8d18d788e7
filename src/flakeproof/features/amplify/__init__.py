"""What makes a target fail more often: the search over perturbations, and what came of it. It runs nothing itself."""
