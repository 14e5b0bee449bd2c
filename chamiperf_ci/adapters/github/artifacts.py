"""The artifact of another workflow run, taken as hostile: fetched within a limit, one file read, nothing unpacked."""

import io
import stat
import zipfile
import zlib
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.github.api import TIMEOUT_S, AnswerShape, Api, NoAnswer
from chamiperf_ci.errors import ConfigurationError

PERMISSION = "actions: read"

ARCHIVE_LIMIT_BYTES = 4_000_000
"""A verdict of a full night is under 1 MB; nothing larger is fetched."""

FILE_LIMIT_BYTES = 4_000_000
"""As unpacked: an archive of some kilobytes can hold gigabytes."""

_REMEDY = "Nothing was posted. Look at the run that made the artifact; do not trust what it says."


class Artifact(AnswerShape):
    """An artifact as GitHub lists it; everything but the number is the run's own word."""

    number: int = Field(validation_alias="id")
    name: str
    size_bytes: int = Field(validation_alias="size_in_bytes")
    expired: bool


def of_run(api: Api, repository: str, run: int, name: str) -> Artifact:
    """The run's newest artifact of that name.

    Raises:
        ConfigurationError: There is none, or it has expired.
        GitHubFailed: The artifacts cannot be read.
    """
    listing = api.pages(
        f"/repos/{repository}/actions/runs/{run}/artifacts",
        Artifact,
        what=f"list the artifacts of run {run}",
        permission=PERMISSION,
        key="artifacts",
        name=name,
    )
    found = [artifact for artifact in listing if artifact.name == name]
    if not found:
        raise ConfigurationError(
            f"the run has no artifact named {name}",
            where=f"on GitHub {repository}/actions/runs/{run}",
            remedy="It ended before a verdict was there: its job summary says why.",
        )
    newest = max(found, key=lambda artifact: artifact.number)
    if newest.expired:
        raise ConfigurationError(
            f"the artifact {name} has expired",
            # Without the host, which would be taken out of the job summary.
            where=f"on GitHub {repository}/actions/runs/{run}",
            remedy="Re-run all jobs of that run, which GitHub allows for 30 days after it began; later close and "
            "reopen the pull request, or push to it. Each of these starts this workflow anew; this run stays red. "
            "`retention-days` in that run's workflow says how long its artifacts are kept (at most 90).",
        )
    return newest


def download(api: Api, repository: str, artifact: Artifact) -> bytes:
    """Fetch the archive, at most `ARCHIVE_LIMIT_BYTES` of it, without sending our token to where it is stored.

    Raises:
        ConfigurationError: It is larger than that.
        GitHubFailed: It cannot be fetched.
    """
    if artifact.size_bytes > ARCHIVE_LIMIT_BYTES:
        raise _too_large(artifact.name, f"{artifact.size_bytes:,} bytes as listed")
    what = f"fetch the artifact {artifact.name}"
    path = f"/repos/{repository}/actions/artifacts/{artifact.number}/zip"
    location = api.location(path, what=what, permission=PERMISSION)
    # Plain http only where GitHub's API itself is a stand-in on plain http.
    if location.partition("://")[0].lower() not in {"https", urlsplit(api.base_url).scheme}:
        raise NoAnswer(
            f"the download is not encrypted: will not {what}", where=f"GET {path}", remedy="Check GITHUB_API_URL."
        )
    try:
        return bounds.within(TIMEOUT_S, lambda: _stored(location))
    except bounds.LimitExceededError as error:
        raise _too_large(artifact.name, f"over {ARCHIVE_LIMIT_BYTES:,} bytes as sent") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, zlib.error) as error:
        raise NoAnswer(
            f"the storage did not answer: could not {what}",
            # Its address carries a credential, so only the kind of failure is said.
            where=f"GET {path}, then its storage: {type(error).__name__}",
            remedy="Run the job again.",
        ) from error


def _stored(location: str) -> bytes:
    """What lies at a download's address."""
    headers = {"Accept-Encoding": bounds.ACCEPT_ENCODING}
    with httpx.stream("GET", location, headers=headers, timeout=TIMEOUT_S, follow_redirects=False) as answer:
        answer.raise_for_status()
        encoding = answer.headers.get("content-encoding", "")
        return bounds.decoded(answer.iter_raw(), encoding, most=ARCHIVE_LIMIT_BYTES)


def only_file(archive: bytes, name: str) -> bytes:
    """The content of the one file that the archive may hold, at its top and of this name.

    Nothing is written to a disk, so a path that escapes, a link or a device in the archive reaches nothing; it is
    refused all the same, because an honest run makes no such archive.

    Raises:
        ConfigurationError: The archive is damaged, or holds anything but that one plain file within the limit.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = opened.infolist()
            if [member.filename for member in members] != [name]:
                raise _refused(f"holds other files than {name}")
            _plain(members[0])
            with opened.open(members[0]) as file:
                # With a size, zipfile unpacks no more than that at once; without one a gigabyte, whatever it listed.
                content = file.read(members[0].file_size + 1)
                if len(content) != members[0].file_size:
                    raise _refused("holds a file of another size than it says")
                return content
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise _refused(f"is damaged ({type(error).__name__})") from error


def _plain(member: zipfile.ZipInfo) -> None:
    """Refuse what is not a plain file: a link's content would be a path, an encrypted one cannot be read."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        raise _refused("holds a link or a device in place of a file")
    if member.file_size > FILE_LIMIT_BYTES:
        raise _refused(f"holds a file of over {FILE_LIMIT_BYTES:,} bytes")
    if member.flag_bits & 0x1:
        raise _refused("is encrypted")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        # Of the others zipfile unpacks a whole block at once: 600 bytes of bzip2 took 1.2 GB.
        raise _refused("is compressed in another way than GitHub's")


def _refused(what: str) -> ConfigurationError:
    return ConfigurationError(f"the artifact {what}", where="the archive of the other run", remedy=_REMEDY)


def _too_large(name: str, size: str) -> ConfigurationError:
    return ConfigurationError(f"the artifact {name} is too large", where=size, remedy=_REMEDY)
