"""The history in a folder."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.history.store import SUFFIX, new_names, nothing_here
from chamiperf_ci.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class FolderHistory:
    """A folder; it need not exist yet."""

    root: Path

    def require(self) -> None:
        """Refuse a folder that is not there.

        Raises:
            ConfigurationError: It is not.
        """
        if not self.root.exists():
            raise nothing_here(str(self.root))

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted; hidden files and folders are not among them."""
        return tuple(sorted(_names_below(self.root, "")))

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each name with its content.

        Raises:
            ConfigurationError: A file cannot be read.
        """
        for name in names:
            try:
                content = (self.root / name).read_bytes()
            except OSError as error:
                raise _unreadable(error, self.root / name) from error
            yield name, content

    def add(self, contents: Mapping[str, bytes], *, message: str) -> tuple[str, ...]:
        """Write what is not there yet, each file whole or not at all.

        Raises:
            ConfigurationError: A name is there with other content, or the folder cannot be written.
        """
        del message
        present = {name: path.read_bytes() for name in contents if (path := self.root / name).is_file()}
        new = new_names(contents, present, where=str(self.root))
        for name in new:
            files.write_text(self.root / name, contents[name].decode())
        return new


def _unreadable(error: OSError, path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"the history cannot be read: {error.strerror}", where=str(path), remedy="Give another --history."
    )


def _names_below(folder: Path, prefix: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(error, folder) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _names_below(Path(entry.path), f"{prefix}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield prefix + entry.name
