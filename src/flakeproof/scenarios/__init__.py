"""Targets that ship with flakeproof."""
