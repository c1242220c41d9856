"""Listeners that are made here: they judge converted clips, and are none of the classifiers under test."""
