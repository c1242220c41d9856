"""Augmentation of emotional speech by CycleGAN, and an honest measure of what it is worth."""
