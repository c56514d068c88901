"""Live pictures: from a camera to a window in one frame's time."""
