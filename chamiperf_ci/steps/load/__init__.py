"""Driving load at a stack: planned, allowed, run by k6, watched, and written down as runs."""
