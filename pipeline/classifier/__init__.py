"""The downstream emotion classifiers, whose accuracy is what all this is for."""
