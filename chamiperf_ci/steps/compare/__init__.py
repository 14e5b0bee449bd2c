"""Runs, baseline and history in, a verdict out; the statistics are `chamiperf_ci.verdict`'s."""
