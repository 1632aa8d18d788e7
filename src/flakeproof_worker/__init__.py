"""The half of flakeproof that lives with the user's code: it runs trials and reports how they ended.

It imports the standard library only and is started by its path, so it needs no installation in the environment of
the tests and cannot clash with what is pinned there.
"""
