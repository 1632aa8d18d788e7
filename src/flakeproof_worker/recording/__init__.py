"""What one trial does, written down so that failing and passing trials can be compared."""
