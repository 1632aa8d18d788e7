"""Revisions of the user's repository: which there are, a checkout of one, its build, and whose code it imports."""
