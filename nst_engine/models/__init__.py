"""Model files: which one, what it says of itself, what it takes."""
