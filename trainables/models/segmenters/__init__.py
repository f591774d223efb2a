"""Networks from a picture, and mostly a text, to a mask."""
