"""From failures to causes."""
