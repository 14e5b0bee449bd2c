"""The verdict on public series and on runs with known truth, against the usual rules."""
