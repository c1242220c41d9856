"""Decoding of audio files, preparation of clips, and their acoustic features and measures."""
