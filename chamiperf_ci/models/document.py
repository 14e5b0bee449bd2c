"""What every artifact on disk has in common: a kind, a schema version, a producer, and no NaN.

A change that an old reader would misread raises the version; a reader refuses a version it does not know.
Version history: 1 (first).
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value inside a document; unknown keys, NaN and infinities are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


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
