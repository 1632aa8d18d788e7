"""Side-by-side measurements: each prints ratios or limits from one run."""
