"""What of a study is done, what is next, and what an end decides; knows nothing of Ray."""
