"""The outside world, one module each: k6, the Chamicore services, Kea, Prometheus, GitHub, files."""
