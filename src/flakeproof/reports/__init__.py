"""Report results to people and machines."""
