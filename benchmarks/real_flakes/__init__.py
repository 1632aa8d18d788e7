"""Flaky tests of public projects whose cause is known: what flakeproof makes of them."""
