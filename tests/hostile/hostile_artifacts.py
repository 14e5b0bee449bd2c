"""Artifacts that no honest run makes, each by the name of what is wrong with it."""

import io
import json
import stat
import zipfile
from functools import partial

from github_standin import zipped
from sample_verdict import a_verdict, as_json

MEGABYTE = 1024 * 1024
REPOSITORY = "octo/stack"
FORK = "mallory/stack"
COMMIT = "c" * 40
RUN = 4711
ARTIFACT = "chamiperf-verdict"
FILE = "verdict.json"


def changed(**fields):
    """A verdict's JSON with fields put in."""
    return zipped({FILE: json.dumps(json.loads(as_json()) | fields)})


def raw(old, new):
    """A verdict's JSON with a piece of its text exchanged."""
    text = as_json()
    assert old in text
    return zipped({FILE: text.replace(old, new)})


def member(name=FILE, content=None, *, mode=None, how=zipfile.ZIP_DEFLATED):
    """An archive with one member as described."""
    info = zipfile.ZipInfo(name)
    info.compress_type = how
    if mode is not None:
        info.create_system = 3
        info.external_attr = mode << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, as_json() if content is None else content)
    return buffer.getvalue()


def twice():
    """Two members of one name: a checker that reads the first and a reader that takes the last would disagree."""
    return _without_warning(lambda archive: [archive.writestr(FILE, as_json()) for _ in range(2)])


def _without_warning(write):
    import warnings  # noqa: PLC0415 - zipfile warns of what we want

    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        write(archive)
    return buffer.getvalue()


def false_size(how=zipfile.ZIP_DEFLATED):
    """A member that states 100 bytes and unpacks to 64 MiB."""
    data = bytearray(member(content=" " * (64 * MEGABYTE), how=how))
    size = (64 * MEGABYTE).to_bytes(4, "little")
    assert data.count(size) == 2
    return bytes(data.replace(size, (100).to_bytes(4, "little")))


def encrypted():
    """A member with the flag of an encrypted one."""
    data = bytearray(member())
    data[6] |= 1
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 8] |= 1
    return bytes(data)


def nested(depth):
    """As text, because the JSON writer gives up before the reader has to."""
    text = as_json(a_verdict()).rstrip()
    head, tail = text.rsplit('"first_look": null', 1)
    return zipped({FILE: f'{head}"first_look": ' * depth + "null" + tail * depth})


def archives():
    """Name to the archive, or what makes a large one, and a piece of the refusal's text."""
    unknown = "unknown field"
    other_files = f"holds other files than {FILE}"
    no_file = "holds a link or a device"
    return {
        "names another pull request": (changed(pull_request=8), unknown),
        "names another repository": (changed(repository="octo/other"), unknown),
        "has a key of a megabyte": (changed(**{"k" * MEGABYTE: 1}), "kkkk"),
        "brings its own markdown as a field": (changed(body="# All is well @octo/owners"), unknown),
        "brings its own markdown as a file": (zipped({FILE: as_json(), "comment.md": "# All is well"}), other_files),
        "brings its own script as a file": (zipped({FILE: as_json(), "run.sh": "touch executed"}), other_files),
        "has another file in place of the verdict": (zipped({"report.html": "<script>"}), other_files),
        "is empty": (zipped({}), other_files),
        "escapes by a relative path": (member(f"../../{FILE}"), other_files),
        "escapes by an absolute path": (member(f"/etc/{FILE}"), other_files),
        "escapes by a backslash": (member(f"..\\{FILE}"), other_files),
        "hides the verdict in a folder": (member(f"out/{FILE}"), other_files),
        "has the verdict twice": (twice(), other_files),
        "has a link to a file of the runner": (member(content="/etc/passwd", mode=stat.S_IFLNK | 0o777), no_file),
        "has a device": (member(mode=stat.S_IFCHR | 0o666), no_file),
        "has a named pipe": (member(mode=stat.S_IFIFO | 0o666), no_file),
        "is encrypted": (encrypted(), "is encrypted"),
        "is a page of HTML": (b"<!doctype html><script>alert(1)</script>", "is damaged"),
        "is cut off": (member()[:-30], "is damaged"),
        "is a bomb": (partial(member, content=" " * (64 * MEGABYTE)), "holds a file of over 4,000,000 bytes"),
        "is a bomb of bzip2": (partial(false_size, zipfile.ZIP_BZIP2), "is compressed in another way"),
        "is a bomb of lzma": (partial(false_size, zipfile.ZIP_LZMA), "is compressed in another way"),
        "is a bomb that lies about its size": (false_size, "is damaged"),
        "is nested a hundred thousand lists deep": (zipped({FILE: "[" * 100_000}), "not valid JSON"),
        "is nested verdict in verdict": (nested(400), "nested deeper than 100 levels"),
        "has NaN": (raw('"current": 9.4', '"current": NaN'), "NaN is not a number"),
        "has infinity": (raw('"current": 9.4', '"current": Infinity'), "Infinity is not a number"),
        "has infinity in disguise": (raw('"current": 9.4', '"current": 1e999'), "finite number"),
        "has a number of a hundred thousand digits": (raw('"cores": 2', f'"cores": {"9" * 100_000}'), "not valid JSON"),
        "has a word that no verdict is": (raw('"word": "learning"', '"word": "flawless"'), "outcome.word"),
        "has an exit code that none is": (raw('"exit_code": 0', '"exit_code": 42'), "outcome.exit_code"),
        "has text in place of rows": (changed(rows="all good"), "rows"),
        "is another kind of file": (changed(kind="run"), "expected a verdict file"),
        "is of a version from the future": (changed(schema_version=99), "schema version 99 is not known"),
        "is no text": (zipped({FILE: b"\xff\xfe\x00"}), "cannot be read"),
        "is a list": (zipped({FILE: "[]"}), "expected a verdict file"),
    }
