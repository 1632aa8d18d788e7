"""How each cause stands, by what was seen: a pure function for each. The table is in docs/diagnose.md."""
