"""Audio files in, samples and numbers about them out."""
