"""Writing synthetic clips, and the generators other than conversion: one module or folder each."""
