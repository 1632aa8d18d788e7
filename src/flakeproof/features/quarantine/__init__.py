"""Tests that may fail for a while, each with an owner, a reason and an end: `flakeproof quarantine`."""
