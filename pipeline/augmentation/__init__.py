"""Arms, the mix of real and synthetic clips, and the quality gate."""
