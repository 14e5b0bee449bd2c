"""One module per entry point: parse the options, call the step, exit with its code."""
