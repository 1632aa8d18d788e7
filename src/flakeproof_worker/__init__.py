"""The half of flakeproof that lives with the user's code: it runs trials and reports how they ended.

It imports the standard library only and is started by its path, so it needs no installation in the environment of
the tests and cannot clash with what is pinned there.

Where flakeproof is installed beside pytest, pytest would rewrite the assertions of this package, as it does for every
package with a plugin, and would warn that it is imported already. The next word prevents both: PYTEST_DONT_REWRITE
"""
