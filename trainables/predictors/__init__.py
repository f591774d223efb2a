"""Trained models put to use: from the files a trial left to what they say about a picture."""
