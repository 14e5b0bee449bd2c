"""Measures a Chamicore stack under boot storms and says whether it got slower, and how sure that is."""

__version__ = "0.2.0"
