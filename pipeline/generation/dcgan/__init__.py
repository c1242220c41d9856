"""A DC-GAN of log-mel spectrograms: networks, training, and spectrograms from noise."""
