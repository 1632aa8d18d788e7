"""Compare two arms: the question, the events, the result."""
