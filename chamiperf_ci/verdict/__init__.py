"""The statistics of a verdict, pure: no I/O, no clock, no randomness without a seed."""
