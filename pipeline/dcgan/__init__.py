"""A deep convolutional GAN that makes spectrograms of an emotion from noise."""
