"""What people may do with `baselines.json`: propose, apply, check, begin, import."""
