"""One pass: a photo becomes a painting."""
