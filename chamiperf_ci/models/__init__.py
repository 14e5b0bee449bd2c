"""The data on disk: one versioned pydantic model per artifact; imports nothing of ours."""
