"""What a decorator of options takes and gives."""

from collections.abc import Callable
from typing import Any

Command = Callable[..., Any]
"""A click command, or the function that becomes one."""
