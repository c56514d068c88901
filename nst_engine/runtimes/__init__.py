"""What runs models, and on what."""
