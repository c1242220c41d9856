"""The report: one HTML file with the answer, the pictures and the sound of a run."""
