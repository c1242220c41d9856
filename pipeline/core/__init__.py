"""Shared by all folders: parameters, tables, shards, model files, provenance, processes, hardware."""
