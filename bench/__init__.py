"""Benches: what a test must not assert, measured."""
