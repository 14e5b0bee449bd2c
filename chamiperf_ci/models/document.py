"""What every artifact on disk has in common: a kind, a schema version, a producer, and no NaN.

A change that an old reader would misread raises the version; a reader refuses a version it does not know.
Version history: 1 (first).
"""

import os
import tempfile
from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

_BEYOND_ANYTHING = 10**15
"""No latency, rate, size or count that is measured here comes near; arithmetic on what lies beyond overflows."""

Count = Annotated[int, Field(ge=0, le=_BEYOND_ANYTHING)]
"""How many: whole, not negative."""

Number = Annotated[float, Field(ge=-_BEYOND_ANYTHING, le=_BEYOND_ANYTHING)]
"""A measured value in its unit. A sign that makes no sense is for the verdict to name, not for the file's reader."""


class Value(BaseModel):
    """A frozen value inside a document; unknown keys, NaN and infinities are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Document(Value):
    """A file that one step writes and another reads."""

    KIND: ClassVar[str]
    SCHEMA_VERSION: ClassVar[int] = 1

    kind: str
    """What the file is, such as `run` or `verdict`; a subclass fixes it with a Literal."""
    schema_version: int = 1
    """Version of the file's layout."""
    producer: str
    """Program and version that wrote the file, such as `chamiperf 0.1.0`."""

    @classmethod
    def upgraded(cls, data: dict[str, Any], version: int) -> dict[str, Any] | None:
        """Return the data of an older version as this one's; None where that version is not read any more."""
        del data, version
        return None


class CheckedDocument(Document):
    """A file whose parts can contradict each other; a reader refuses one that does."""

    @abstractmethod
    def contradiction(self) -> str:
        """Return in what the file contradicts itself, with the place, or nothing.

        Only what no writer writes, as more failures than requests: what a measurement may come to is judged.
        """


def write_whole(path: Path, text: str, *, synced: bool = True) -> None:
    """Write a file whole or not at all: to a temporary name beside it, then renamed; everybody may read it.

    Args:
        path: Its folder is there.
        text: What no encoding has is replaced.
        synced: Whether it has to outlive the machine, and not only this process.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            if synced:
                os.fsync(file.fileno())
        # mkstemp's 0600 would hide artifacts from the runner's other users.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
