"""Writing synthetic clips, and the generators that are no conversion, one module each."""
