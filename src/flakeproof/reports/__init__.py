"""How results are reported to people and machines."""
