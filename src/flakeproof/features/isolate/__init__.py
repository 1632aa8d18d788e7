"""Which tests make another one fail, or pass: search, proof, and what they leave behind."""
