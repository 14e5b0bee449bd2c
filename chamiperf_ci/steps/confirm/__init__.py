"""Measuring the suspects again, and deciding once."""
