"""One run out of the parts that several machines have run."""
