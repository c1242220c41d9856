"""One emotion into another: networks, losses, training, prosody, alignment."""
