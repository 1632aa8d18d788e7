"""What failing trials did that passing ones did not: from recorded trials to an explanation."""
