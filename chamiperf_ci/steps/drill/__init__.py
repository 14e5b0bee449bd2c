"""A gate proven on the set-up it is to guard: slow-downs of known size, judged as a night is."""
