"""Live video: from a camera to a window within one frame's time."""
