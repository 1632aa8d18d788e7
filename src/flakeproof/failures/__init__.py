"""What failures have in common, and what tells them apart."""
