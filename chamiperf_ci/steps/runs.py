"""Run ids: what all names of one run's nodes are made from."""

import secrets
import time
from typing import Final

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_RANDOM: Final = 4


def new_run_id(prefix: str) -> str:
    """An id that no other run has: one letter, the time in seconds, four random digits, all in base 36."""
    return prefix + _base36(int(time.time())) + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
