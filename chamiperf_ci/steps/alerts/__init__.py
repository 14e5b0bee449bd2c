"""Alerts of a night: what is wrong, what changed since it was right, and which issues and messages follow."""
