"""What every network needs: device, steps of training, hashes and seeds, weights from packages."""
