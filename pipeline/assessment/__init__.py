"""Quality of conversions, beside their anchors."""
