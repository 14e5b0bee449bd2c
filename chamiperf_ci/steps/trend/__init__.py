"""The history as a trend: what all nights measured, drawn together for people."""
