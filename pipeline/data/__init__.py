"""Partitions of the clips, a description of the corpora, and the export as a PyTorch data set."""
