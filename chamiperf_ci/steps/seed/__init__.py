"""Puts nodes into a stack and takes them away again, telling its own from those of others by the formula alone."""
