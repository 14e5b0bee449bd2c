"""Durations on the command line."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import click


class Duration(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.2
    """A positive duration as a person writes it: `90s`, `1m30s`, `24h`, `500ms`, or a bare number of seconds."""

    name = "duration"
    _UNITS: ClassVar[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Seconds."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
            text += "s"
        if re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h|d))+", text, re.ASCII) is None:
            self.fail(f"{value!r} is not a duration such as 90s, 1m30s or 24h", param, ctx)
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text, re.ASCII)
        seconds = sum(float(number) * self._UNITS[unit] for number, unit in parts)
        if seconds <= 0:
            self.fail(f"{value!r} is no time at all", param, ctx)
        return seconds


DURATION: Final = Duration()
