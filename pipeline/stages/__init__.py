"""One module per DVC stage, of the same name: read files, call, write files."""
