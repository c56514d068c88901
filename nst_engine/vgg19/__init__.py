"""VGG-19, by which pictures are compared: its layers, weights, features and losses."""
