"""Reading and writing our documents: whole or not at all, and refused with the place and the remedy."""

import fcntl
import json
import os
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from chamiperf_ci import __version__
from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.console import mask
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.dialect import Catalogue, Dialect
from chamiperf_ci.models.document import CheckedDocument, Document, write_whole
from chamiperf_ci.models.target import CHAMICORE, STATE_FILE, Identity, StackState, TargetsFile, default_state_dir


def first_wrong(error: ValidationError, model: type[BaseModel]) -> str:
    """Return what is wrong with the first field that is, and how many more there are.

    Args:
        error: What `model` raised.
        model: Knows what fields there are where one is unknown.
    """
    first, *others = error.errors()
    field = ".".join(str(part) for part in first["loc"]) or "the file"
    more = f" (and {len(others)} more)" if others else ""
    if first["type"] != "extra_forbidden":
        return f"{field}: {first['msg']}{more}"
    there = _fields(model, first["loc"][:-1])
    told = f"; there are {', '.join(there)}" if there else ""
    return f"unknown field {field}{told}{more}"


def _fields(kind: object, path: Sequence[str | int]) -> list[str]:
    """The fields of the model at `path` below a type, as a file names them; none where it leads to no one model."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        named = {field.alias or name: field for name, field in kind.model_fields.items()}
        if not path:
            return list(named)
        field = named.get(str(path[0]))
        return _fields(field.annotation, path[1:]) if field else []
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _fields(arguments[0], path)
    if origin not in (Union, UnionType):
        # A list's place or a dictionary's key.
        path = path[1:]
    found = [names for each in arguments if (names := _fields(each, path))]
    return found[0] if len(found) == 1 else []


PRODUCER = f"chamiperf {__version__}"

D = TypeVar("D", bound=Document)
_WAIT_S: Final = 30.0


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all, and the folders that it needs.

    Raises:
        ConfigurationError: The folder cannot be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the file: {error.strerror or error}",
            where=str(path),
            remedy="Make the folder writable, or write to another one that has room.",
        ) from error


def require_writable(folder: Path) -> None:
    """Stop unless files can be written into a folder, which need not be there yet; nothing is left behind.

    Raises:
        ConfigurationError: They cannot.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"cannot write into the folder: {error.strerror or error}",
            where=str(folder),
            remedy="Give an output folder that is writable and has room (--out).",
        ) from error
    finally:
        with suppress(OSError):
            for each in missing:
                each.rmdir()


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Alone between reading a file and writing it anew: another command that changes it waits, and reads what we wrote.

    The lock is on the folder, so that nothing is left beside the file; the kernel gives it back with the process.

    Raises:
        ConfigurationError: The folder cannot be opened, or another command holds it for half a minute.
    """
    end = time.monotonic() + _WAIT_S
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigurationError(
            f"the file's folder cannot be opened: {error.strerror or error}",
            where=str(path),
            remedy="Name a file in a folder that is there.",
        ) from error
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise ConfigurationError(
                        "another command is changing the file", where=str(path), remedy="Run this one again after it."
                    ) from error
                time.sleep(0.05)
            except OSError:
                # A file system without locks, such as some of networks: as before there were any.
                break
        yield
    finally:
        os.close(folder)


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
    data = _parse(text, where=where, remedy=remedy, numbers=False)
    if not isinstance(data, dict) or data.get("kind") != model.KIND:
        found = data.get("kind") if isinstance(data, dict) else type(data).__name__
        raise ConfigurationError(f"expected a {model.KIND} file, found {found!r}", where=where, remedy=remedy)
    version = data.get("schema_version")
    if isinstance(version, int) and version < model.SCHEMA_VERSION:
        older = model.upgraded(data, version)
        if older is not None:
            return _checked(model, older, "", where=where, remedy=remedy)
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
        place = f"{where}, line {bounds.line_of(text, error.errors()[0]['loc'])}" if text else where
        raise ConfigurationError(first_wrong(error, model), where=place, remedy=remedy) from error
    if isinstance(document, CheckedDocument) and (wrong := document.contradiction()):
        raise ConfigurationError(f"the file contradicts itself: {wrong}", where=where, remedy=remedy)
    return document


def _read_text(path: Path, remedy: str) -> str:
    try:
        return bounds.read(path)
    except FileNotFoundError as error:
        raise ConfigurationError("the file does not exist", where=str(path), remedy=remedy) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            "the file cannot be read: it is not UTF-8 text", where=str(path), remedy=remedy
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"the file cannot be read: {error}", where=str(path), remedy=remedy) from error
    except OSError as error:
        wrong = f"the file cannot be read: {error.strerror or error}"
        raise ConfigurationError(wrong, where=str(path), remedy=remedy) from error


def _parse(text: str, *, where: str, remedy: str, numbers: bool = True) -> Any:  # noqa: ANN401 - as read_json
    try:
        return bounds.parse_json(text, numbers=numbers, parse_constant=_refuse_constant)
    except bounds.DuplicateNameError as error:
        raise ConfigurationError(
            str(error), where=where, remedy="It may be left over from a merge: keep the right one."
        ) from error
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"not valid JSON: {error.msg}", where=f"{where}, line {error.lineno}, column {error.colno}", remedy=remedy
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"not valid JSON: {error}", where=where, remedy=remedy) from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


_PACKAGE = Path(__file__).resolve().parent.parent


def k6_folder() -> Path:
    """The folder with the k6 scripts, the dialects and the profiles.

    Raises:
        ConfigurationError: Neither the package nor the checkout has it; the installation is broken.
    """
    return _find("k6/dialects/chamicore.json").parents[1]


def built_script(name: str) -> Path:
    """A k6 script with its library in one file: in two thirds of the memory a VU, and whatever its path looks like.

    k6 takes a path for a URL and finds nothing beside a script where the path holds a blank, `%` or `#`; a built script
    needs nothing beside it.

    Raises:
        ConfigurationError: The installation lacks it.
    """
    return _find(f"k6/built/{name}.js")


def default_baselines() -> Path:
    """The baselines.json that ships with the package: the ADR's targets and tolerances, no accepted runs.

    Raises:
        ConfigurationError: As `k6_folder`.
    """
    return _find("baselines.json")


def workflow_templates() -> Path:
    """The folder with the workflows that `init` writes.

    Raises:
        ConfigurationError: As `k6_folder`.
    """
    return _find("workflows/nightly.yml").parent


def recorded_release() -> str | None:
    """OWNER/REPO@SHA that this package was built from, as a release records it; None for any other build."""
    place = _PACKAGE / "_data" / "release.txt"
    return place.read_text(encoding="utf-8").strip() if place.is_file() else None


def _find(name: str) -> Path:
    for folder in (_PACKAGE / "_data", _PACKAGE.parent):
        if (folder / name).is_file():
            return folder / name
    raise ConfigurationError(
        f"{name} is missing", where=str(_PACKAGE), remedy="Install chamiperf-ci again; the package is damaged."
    )


_LONGEST_SECRET: Final = 100_000


def read_secret(path: Path, *, option: str) -> SecretStr:
    """The secret in a file, without the line end after it.

    Raises:
        ConfigurationError: The file is missing, unreadable or empty, or holds what no HTTP header can carry.
    """
    try:
        text = bounds.read(path, most=_LONGEST_SECRET)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(
            f"the secret cannot be read: {reason}", where=f"{option}, {path}", remedy="Name a file that holds it."
        ) from error
    return check_secret(text.rstrip("\r\n"), where=f"{option}, {path}")


def check_secret(text: str, *, where: str) -> SecretStr:
    """A secret that an HTTP header or a JSON body can carry.

    Raises:
        ConfigurationError: It is empty, or holds blanks, line ends or characters outside ASCII.
    """
    if not text or not all("!" <= character <= "~" for character in text):
        wrong = "holds blanks, line ends or characters outside ASCII" if text else "is empty"
        raise ConfigurationError(f"the secret {wrong}", where=where, remedy="Put the bare secret there.")
    # Every secret comes through here before its first use; a runner then keeps it out of the log.
    mask(text)
    return SecretStr(text)


def dialects() -> tuple[str, ...]:
    """The names of the dialects that there are.

    Raises:
        ConfigurationError: The files are missing; the installation is broken.
    """
    return tuple(sorted(path.stem for path in (k6_folder() / "dialects").glob("*.json")))


@cache
def dialect(name: str = CHAMICORE) -> Dialect:
    """A dialect, from its file in `k6/dialects/`.

    Raises:
        ConfigurationError: There is none of this name; or the file is not one, and the installation is broken.
    """
    if name not in dialects():
        raise ConfigurationError(
            f"there is no dialect {name!r}",
            where="--dialect, CHAMIPERF_DIALECT or chamiperf.toml",
            remedy=f"Give one of {', '.join(dialects())}.",
        )
    return shipped(f"dialects/{name}.json", Dialect)


@cache
def catalogue() -> Catalogue:
    """What each scenario does, from `k6/scenarios.json`, which the scripts read as well.

    Raises:
        ConfigurationError: The file is not one; the installation is broken.
    """
    return shipped("scenarios.json", Catalogue)


M = TypeVar("M", bound=BaseModel)


def shipped(name: str, model: type[M]) -> M:
    """A file of the k6 folder.

    Raises:
        ConfigurationError: It is not what it should be; the installation is damaged.
    """
    path, remedy = k6_folder() / name, "Install chamiperf-ci again; the package is damaged."
    try:
        return model.model_validate(read_json(path, remedy=remedy))
    except ValidationError as error:
        raise ConfigurationError(first_wrong(error, model), where=str(path), remedy=remedy) from error


DEFAULT: Final = Path("chamiperf.toml")
_REMEDY: Final = "docs/your-stack.md shows a whole file."


def read_targets(path: Path | None) -> TargetsFile:
    """The file that was named, or the one in the working folder; without a name, a missing file is an empty one.

    Raises:
        ConfigurationError: The named file is missing, or the file is unreadable, not TOML, or has a wrong key.
    """
    if path is None and not os.path.lexists(DEFAULT):
        return TargetsFile()
    where = str(path or DEFAULT)
    text = _read_text(path or DEFAULT, _REMEDY)
    try:
        return TargetsFile.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"not valid TOML: {error}", where=where, remedy=_REMEDY) from error
    except ValidationError as error:
        raise ConfigurationError(first_wrong(error, TargetsFile), where=where, remedy=_REMEDY) from error


def find_stack() -> StackState | None:
    """The embedded stack that is up, by its state file; None where there is none, or only what a killed one left.

    Raises:
        ConfigurationError: The state file cannot be read, or is not one of this version.
    """
    path = default_state_dir() / STATE_FILE
    try:
        state = StackState.model_validate(bounds.parse_json(bounds.read(path)))
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise ConfigurationError(
            f"the stack's state cannot be read: {fault.strerror}",
            where=str(path),
            remedy="Give another folder by CHAMIPERF_STATE_DIR.",
        ) from None
    except ValueError as fault:
        # pydantic's own words would be a page.
        wrong = f"{fault.error_count()} fault(s)" if isinstance(fault, ValidationError) else str(fault)
        raise ConfigurationError(
            f"not the state of an embedded stack of this version: {wrong}",
            where=str(path),
            remedy="Remove the file, or give another folder by CHAMIPERF_STATE_DIR.",
        ) from None
    return state if state.is_up() else None


_DIGEST = "sha256:"


def read_manifest(path: Path) -> dict[str, Identity]:
    """The builds by service; a value with a `sha256:` digest is an image, any other a commit.

    Raises:
        ConfigurationError: It cannot be read, or is anything but such an object.
    """
    try:
        said = bounds.parse_json(bounds.read(path))
    except bounds.DuplicateNameError as error:
        raise _unusable(path, str(error)) from error
    except (OSError, ValueError) as error:
        wrong = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise _unusable(path, str(wrong)) from error
    if not isinstance(said, dict) or not all(isinstance(build, str) and build for build in said.values()):
        raise _unusable(path, "it is not an object of service to text")
    return {
        service: Identity(service=service, **{"image" if _DIGEST in build else "commit": build})
        for service, build in said.items()
    }


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the stack's manifest cannot be used: {why}",
        where=str(path),
        remedy='Write it as {"smd": "sha256:...", "bss": "1a2b3c4"}: service to image digest or commit.',
    )
