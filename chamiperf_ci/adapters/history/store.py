"""What a place of the history can do: take files by name, write a name once, list and read them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from chamiperf_ci.errors import ConfigurationError

SUFFIX = ".json"


class HistoryStore(Protocol):
    """What a place of the history can do; names are relative paths with `/`."""

    def require(self) -> None:
        """Raise ConfigurationError where nothing was ever kept; who begins a history does not ask."""

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each name with its content, in the order given."""

    def add(self, contents: Mapping[str, bytes], *, message: str) -> tuple[str, ...]:
        """Write what is not there yet and return those names; what is there and different is refused."""


def new_names(contents: Mapping[str, bytes], present: Mapping[str, bytes], *, where: str) -> tuple[str, ...]:
    """Return the names to write, sorted: those that are not there, or only in part, as a writer that died left them.

    Raises:
        ConfigurationError: One is there with other content.
    """
    for name, content in sorted(contents.items()):
        there = present.get(name, content)
        if there != content and not content.startswith(there):
            raise ConfigurationError(
                f"{name} is in the history already, with other content",
                where=where,
                remedy="The history is never rewritten; a new measurement has a run id of its own.",
            )
    return tuple(sorted(name for name, content in contents.items() if present.get(name) != content))


def nothing_here(where: str) -> ConfigurationError:
    """Say that nothing was ever kept in a place."""
    return ConfigurationError(
        "there is no history here",
        where=where,
        remedy="Check how it is spelt; it is the one that `chamiperf history add` has written.",
    )
