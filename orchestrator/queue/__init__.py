"""What of a study is done, what is next, and what an end decides; knows of no worker or cluster."""
