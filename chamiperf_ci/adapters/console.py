"""What a command shows while it runs, to a terminal, a log or GitHub Actions; and the event that started a job.

Progress is one line on a terminal that never scrolls, and in a log a line whenever the stage changes. GitHub Actions
gets outputs, a summary, annotations and masks.
"""

import io
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

import click

from chamiperf_ci.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.live import Live

SUMMARY_LIMIT_BYTES = 900_000
"""GitHub drops a step's summary above 1 MiB without a word; this leaves room for what others append."""

ANNOTATION_LIMIT = 9
"""GitHub shows ten annotations of a kind per step; the tenth is ours, and says how many more there are."""

_CUT = "\n\n_Cut here: the job summary is full. The whole text is in the artifact of this run._\n"


class AnnotationLevel(StrEnum):
    """How loud an annotation is."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True)
class Annotation:
    """One line that GitHub shows on the run's page."""

    level: AnnotationLevel
    title: str
    message: str


def inside() -> bool:
    """Whether this process is a step of a GitHub Actions job."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def publish(outputs: Mapping[str, str | float | None]) -> None:
    """Write the step's outputs to the file named by GITHUB_OUTPUT; without that variable do nothing.

    A step may call it several times; for a name written twice the last value holds. `exit-code` is written by
    `cli.run` for every command, also when it fails, so a command publishes only what else it knows, such as
    `publish({"verdict": "regression", "verdict-path": str(path), "regressions": 2})`.

    Args:
        outputs: Names in kebab-case, as in the action's `action.yml`, to values. True and False become `true` and
            `false`, None becomes the empty string, which in a workflow is the same as no output.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    path = os.environ.get("GITHUB_OUTPUT")
    if not path:
        return
    # One write in append mode: what another process of the same step wrote stays.
    with _writing("GITHUB_OUTPUT"), _appending(path) as file:
        file.write("".join(_record(name, _text(value)) for name, value in outputs.items()))


def append_summary(markdown: str) -> bool:
    """Add markdown to the job summary; without GITHUB_STEP_SUMMARY do nothing.

    Returns:
        Whether all of it fitted. Above the limit the text ends at a line, with a sentence that says so.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return True
    file = Path(path)
    with _writing("GITHUB_STEP_SUMMARY"):
        room = SUMMARY_LIMIT_BYTES - (file.stat().st_size if file.exists() else 0)
        text, whole = _truncated(markdown.rstrip("\n") + "\n\n", room)
        with _appending(path) as handle:
            handle.write(text)
    return whole


def step_went_well(markdown: str) -> None:
    """Say in one line that a step went well; outside GitHub Actions do nothing.

    The line goes to the file that CHAMIPERF_STEP_LINES names, where the last step of the job joins it with the others
    (`.github/scripts/gate.sh`); without that variable it is a line of the job summary.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    path = os.environ.get("CHAMIPERF_STEP_LINES")
    if not path:
        append_summary(f"🟢 {markdown}")
        return
    with _writing("CHAMIPERF_STEP_LINES"), _appending(path) as file:
        file.write(f"{markdown}\n")


def verdict_known(markdown: str) -> None:
    """Say a verdict's sentence in the job summary, unless a later step of the job shows the whole of it."""
    if not os.environ.get("CHAMIPERF_STEP_LINES"):
        append_summary(f"### Verdict\n\n{markdown}")


def show_in_summary(title: str, text: str) -> None:
    """Add a command's own output to the job summary, as it stands on a terminal; outside GitHub Actions do nothing."""
    # Four backticks, so that three in the text end nothing.
    append_summary(f"### {title}\n\n````text\n{text.replace('````', '` ` ` `')}\n````\n")


def mask(secret: str) -> None:
    """Ask the runner to replace a secret in the log from here on; outside GitHub Actions print nothing.

    Call it with a credential that was got at run time before its first use. GitHub masks only what it was told of: a
    secret of several lines is told line by line, and blank lines are left out, for they would mask everything.
    """
    if not inside():
        return
    for line in secret.splitlines():
        if line.strip():
            _log(f"::add-mask::{_data(line)}")


def annotate(annotations: Sequence[Annotation]) -> None:
    """Show the worst annotations on the run's page, and how many more there are; outside GitHub Actions do nothing."""
    if not inside():
        return
    worst = sorted(annotations, key=lambda annotation: list(AnnotationLevel).index(annotation.level))
    for annotation in worst[:ANNOTATION_LIMIT]:
        _log(f"::{annotation.level} title={_property(annotation.title)}::{_data(annotation.message)}")
    if more := worst[ANNOTATION_LIMIT:]:
        _log(f"::{more[0].level} title=chamiperf::{len(more)} more; all are in the job summary.")


def harmless(line: str, *, longest: int = 2_000) -> str:
    """One line of untrusted text that the runner cannot take for a command, wherever in a log line it stands.

    Text over `longest` characters is cut and ends in an ellipsis.
    """
    text = " ".join(line.split()).replace("##[", "## [")
    # Blanks too: the runner trims a line before it looks for a command.
    text = text.lstrip(": ") if text.startswith("::") else text
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def quoted(text: str) -> str:
    """Untrusted text of several lines, fenced so that the runner obeys nothing in it; unchanged outside a job."""
    if not inside():
        return text
    token = os.urandom(16).hex()
    return f"::stop-commands::{token}\n{text}\n::{token}::"


@contextmanager
def _writing(variable: str) -> Iterator[None]:
    """Turn what the system says of a job's file into an error that names the variable."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"a file of the job cannot be written: {error.strerror or error}",
            where=variable,
            remedy="Free the runner's disk, and leave the variable as the runner sets it.",
        ) from error


def _appending(path: str) -> TextIO:
    """The file, to write at its end; a pipe that nobody reads is an error and not waited for."""
    return os.fdopen(
        os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o666), "a", encoding="utf-8"
    )


def _record(name: str, value: str) -> str:
    """One output; the delimiter is random, so that no value can end it early and add an output of its own."""
    delimiter = f"chamiperf-{os.urandom(16).hex()}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _text(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _truncated(text: str, room: int) -> tuple[str, bool]:
    """The text, or as many of its lines as fit into `room` bytes with the sentence that says it was cut."""
    data = text.encode()
    if len(data) <= room:
        return text, True
    cut = _CUT.encode()
    if room < len(cut):
        return "", False
    kept = data[: room - len(cut)]
    kept = kept[: kept.rfind(b"\n") + 1]
    return kept.decode() + _CUT, False


def _log(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _data(text: str) -> str:
    """Escape a command's message, as the runner unescapes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a command's property, as the runner unescapes it."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


QUIET_AT_FIRST_S = 5.0
"""A step that is usually over by then says nothing of how far it is."""
QUIET_S = 300.0
"""A log that says nothing for longer looks like one of a step that hangs."""


class Progress:
    """Says how far a step is, on standard error; use it in a `with`.

    Args:
        label: Names the step.
        logged: Whether a log gets lines as well; False where what happens is said anyway.
        after_s: Seconds of which a log hears nothing, and a terminal nothing of the first: what is over by then needs
            no progress.
    """

    def __init__(self, label: str, *, logged: bool = True, after_s: float = 0.0) -> None:
        self._label = label
        self._logged = logged
        # A workflow's log is not a terminal, also where its runner gives the step one.
        self.on_terminal = sys.stderr.isatty() and not os.environ.get("GITHUB_ACTIONS")
        self._silent_until = time.monotonic() + (min(after_s, 1.0) if self.on_terminal else after_s)
        self._live: Live | None = None
        self._stage: str | None = None
        self._said_at = 0.0

    def show(self, stage: str, text: str) -> None:
        """Say how far it is.

        Args:
            stage: What it is at; in a log a new one is a line. Empty for a step without any, which is then a line every
                `QUIET_S`.
            text: The figures, the most important first: what a terminal is too narrow for is cut.
        """
        now = time.monotonic()
        if now < self._silent_until:
            return
        if self.on_terminal:
            # Imported on use: it costs a start of the program.
            from rich.text import Text  # noqa: PLC0415

            line = " ".join(part for part in (self._label, stage, text) if part)
            self._line().update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
            return
        if not self._logged or (stage == self._stage and now - self._said_at < QUIET_S):
            return
        self._stage, self._said_at = stage, now
        click.echo(f"{self._label}: {', '.join(part for part in (stage, text) if part)}", err=True)

    def _line(self) -> "Live":
        """What others print meanwhile stands above the line; the line itself goes when the step is over."""
        if self._live is None:
            from rich.console import Console  # noqa: PLC0415 - on use, as above
            from rich.live import Live  # noqa: PLC0415 - as above

            console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
            self._live = Live(console=console, transient=True, auto_refresh=False)
            self._live.__enter__()
            # click writes to the bytes behind rich's stand-in, and so over the line.
            sys.stderr = _StreamAboveProgress(sys.stderr)
        return self._live

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None


class _StreamAboveProgress(io.TextIOBase):
    """Text alone, without bytes behind it, so that everybody's goes through rich; put back when the line goes."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return True


def clock(seconds: float) -> str:
    """Return a length of time as short as a line wants it: `4:12`, `1:04:12`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass(frozen=True)
class PullRequestHead:
    """Where a pull request comes from."""

    repository: str
    """`owner/name`; empty when the fork was deleted."""
    branch: str
    commit: str


@dataclass(frozen=True)
class TriggeringRun:
    """The workflow run that caused a `workflow_run` event."""

    number: int
    event: str
    """What had started it, such as `pull_request`."""
    head: PullRequestHead
    url: str
    workflow: str


@dataclass(frozen=True)
class Event:
    """This job's own event."""

    name: str
    """Such as `pull_request`, `schedule`; empty outside GitHub Actions."""
    repository: str
    run_url: str
    """The page of this run, attempt included; empty outside GitHub Actions."""
    pull_request: int | None = None
    head: PullRequestHead | None = None
    other_run: TriggeringRun | None = None

    @property
    def from_fork(self) -> bool:
        """Whether the pull request comes from another repository."""
        return self.head is not None and self.head.repository != self.repository


def read_event(environment: Mapping[str, str] = os.environ) -> Event:
    """The event of this job; outside GitHub Actions one without a name.

    Raises:
        ConfigurationError: The event's file cannot be read or is not what GitHub writes.
    """
    from chamiperf_ci.adapters import bounds  # noqa: PLC0415 - keeps `chamiperf --help` fast

    name = environment.get("GITHUB_EVENT_NAME", "")
    path = environment.get("GITHUB_EVENT_PATH", "")
    try:
        payload = dict(bounds.parse_json(bounds.read(Path(path)))) if path else {}
        return Event(
            name=name,
            repository=environment.get("GITHUB_REPOSITORY", ""),
            run_url=_run_url(environment),
            pull_request=int(payload["pull_request"]["number"]) if "pull_request" in payload else None,
            head=_head_of_pull_request(payload),
            other_run=_other_run(payload) if name == "workflow_run" else None,
        )
    except bounds.DuplicateNameError as error:
        raise ConfigurationError(
            f"the event cannot be read: {error}",
            where=path,
            remedy="GitHub writes no such file: leave GITHUB_EVENT_PATH as the runner sets it.",
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the event cannot be read: {type(error).__name__}: {error}",
            where=path,
            remedy="GITHUB_EVENT_NAME and GITHUB_EVENT_PATH are set by the runner; leave them as they are.",
        ) from error


def _run_url(environment: Mapping[str, str]) -> str:
    if not (run := environment.get("GITHUB_RUN_ID", "")):
        return ""
    server, repository = environment.get("GITHUB_SERVER_URL", ""), environment.get("GITHUB_REPOSITORY", "")
    return f"{server}/{repository}/actions/runs/{run}/attempts/{environment.get('GITHUB_RUN_ATTEMPT', '1')}"


def _head_of_pull_request(payload: Mapping[str, Any]) -> PullRequestHead | None:
    if "pull_request" not in payload:
        return None
    head = payload["pull_request"]["head"]
    return PullRequestHead(str((head.get("repo") or {}).get("full_name", "")), str(head["ref"]), str(head["sha"]))


def _other_run(payload: Mapping[str, Any]) -> TriggeringRun:
    run = payload["workflow_run"]
    head = PullRequestHead(
        str((run.get("head_repository") or {}).get("full_name", "")),
        str(run["head_branch"] or ""),
        str(run["head_sha"]),
    )
    return TriggeringRun(int(run["id"]), str(run["event"]), head, str(run["html_url"]), str(run.get("name") or ""))
