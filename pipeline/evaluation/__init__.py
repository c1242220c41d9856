"""Scores, gains, significance, and how they are told."""
