"""What is installed and active, and what is wrong with it."""
