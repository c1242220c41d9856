"""A DC-GAN of log-mel spectrograms: networks, training, and synthesis of spectrograms."""
