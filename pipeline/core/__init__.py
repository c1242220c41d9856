"""What every part needs: parameters, tables, feature shards, models on disk, processes, hardware."""
