"""Classifiers, and the budget that all arms share."""
