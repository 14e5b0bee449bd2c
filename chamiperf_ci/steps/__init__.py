"""What each step of the pipeline does, given its clients; knows nothing of click or of GitHub's event."""
