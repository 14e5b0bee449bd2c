"""Artifacts on disk: written to the side and renamed, read with one clear line for each way a file can be wrong."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from chamiperf_ci import __version__
from chamiperf_ci.adapters.json_lines import line_of
from chamiperf_ci.adapters.wrong_fields import first_wrong
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.document import Document

PRODUCER = f"chamiperf {__version__}"

D = TypeVar("D", bound=Document)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: to a temporary name beside it, synced, then renamed.

    Raises:
        ConfigurationError: The folder cannot be written, or the disk is full.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # noqa: PTH101 - mkstemp's 0600 would hide artifacts from the runner's other users
        os.replace(temporary, path)  # noqa: PTH105 - rename is what makes the write atomic
        temporary = None
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the file: {error.strerror or error}",
            where=str(path),
            remedy="Give an output folder that is writable and has room (--out).",
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file, if it is there.

    Raises:
        ConfigurationError: It cannot be removed, or is a folder.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"what an earlier run left cannot be removed: {error.strerror or error}",
            where=str(path),
            remedy="Remove it by hand, or give another output folder (--out).",
        ) from error


def dumps(document: Document) -> str:
    """The document as JSON text: two-space indent, keys in the model's order, a newline at the end."""
    return json.dumps(document.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_document(path: Path, document: Document) -> None:
    """Write a document atomically.

    Raises:
        ConfigurationError: As `write_text`.
    """
    write_text(path, dumps(document))


def read_json(path: Path, *, remedy: str) -> Any:  # noqa: ANN401 - JSON is any shape until a model has seen it
    """Read JSON, refusing NaN and telling the line where it breaks.

    Raises:
        ConfigurationError: The file is missing, unreadable or not JSON.
    """
    return _parse(_read_text(path, remedy), where=str(path), remedy=remedy)


def read_document(path: Path, model: type[D], *, remedy: str = "Write it again with the step that makes it.") -> D:
    """Read and check a document.

    Raises:
        ConfigurationError: Missing, not JSON, of another kind or schema version, or a field is wrong; says which.
    """
    return parse_document(_read_text(path, remedy), model, where=str(path), remedy=remedy)


def parse_document(text: str, model: type[D], *, where: str, remedy: str) -> D:
    """Check a document's text.

    Raises:
        ConfigurationError: Not JSON, of another kind or schema version, or a field is wrong; says which, on what line.
    """
    data = _parse(text, where=where, remedy=remedy)
    if not isinstance(data, dict) or data.get("kind") != model.KIND:
        found = data.get("kind") if isinstance(data, dict) else type(data).__name__
        raise ConfigurationError(f"expected a {model.KIND} file, found {found!r}", where=where, remedy=remedy)
    version = data.get("schema_version")
    if version != model.SCHEMA_VERSION:
        newer = isinstance(version, int) and version > model.SCHEMA_VERSION
        raise ConfigurationError(
            f"schema version {version!r} is not known; this is chamiperf {__version__}, which reads version "
            f"{model.SCHEMA_VERSION}",
            where=where,
            remedy=f"Install the version that wrote it: {data.get('producer', 'unknown')}." if newer else remedy,
        )
    return _checked(model, data, text, where=where, remedy=remedy)


def validate(model: type[D], data: Any, *, where: str, remedy: str) -> D:  # noqa: ANN401 - as read_json
    """Check data against a model.

    Raises:
        ConfigurationError: Names the first field that is wrong, and how many more there are.
    """
    return _checked(model, data, "", where=where, remedy=remedy)


def _checked(model: type[D], data: Any, text: str, *, where: str, remedy: str) -> D:  # noqa: ANN401 - as read_json
    """The document; `text`, if there is one, tells on what line a wrong field stands."""
    try:
        # Strict, since `true` is no number and neither is "3.2"; as JSON, which has no other way to write a date.
        document = model.model_validate_json(text or json.dumps(data), strict=True)
    except ValidationError as error:
        place = f"{where}, line {line_of(text, error.errors()[0]['loc'])}" if text else where
        raise ConfigurationError(first_wrong(error, model), where=place, remedy=remedy) from error
    if wrong := document.contradiction():
        raise ConfigurationError(f"the file contradicts itself: {wrong}", where=where, remedy=remedy)
    return document


def _read_text(path: Path, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError("the file does not exist", where=str(path), remedy=remedy) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            "the file cannot be read: it is not UTF-8 text", where=str(path), remedy=remedy
        ) from error
    except OSError as error:
        wrong = f"the file cannot be read: {error.strerror or error}"
        raise ConfigurationError(wrong, where=str(path), remedy=remedy) from error


def _parse(text: str, *, where: str, remedy: str) -> Any:  # noqa: ANN401 - as read_json
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"not valid JSON: {error.msg}", where=f"{where}, line {error.lineno}, column {error.colno}", remedy=remedy
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"not valid JSON: {error}", where=where, remedy=remedy) from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")
