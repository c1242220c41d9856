"""The rules against leakage, and the audit that applies them to files."""
