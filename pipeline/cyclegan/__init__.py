"""Pairwise CycleGAN: networks, losses, training, conversion. Tensors in, tensors out."""
