"""The half of flakeproof that lives with the user's code: it runs trials and reports how they ended.

It imports the standard library only and is started by its path, so it needs no installation in the environment of
the tests and cannot clash with what is pinned there.

Where flakeproof is installed beside pytest, pytest means to rewrite the assertions of this package, as of every other
that comes with a plugin, and warns that it has been imported already. This keeps it from both: PYTEST_DONT_REWRITE
"""
