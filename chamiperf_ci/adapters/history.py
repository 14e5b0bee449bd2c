"""Where the history is kept: a folder, or a branch of a git repository that holds nothing else."""

import os
import re
import shlex
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Protocol

from chamiperf_ci.adapters import bounds, files
from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError, ToolkitError
from chamiperf_ci.models.drill import Drill

SUFFIX = ".json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*\.json")
"""A name that stays in its folder whatever it is joined to: no `..`, nothing hidden, nothing a shell would read."""
_OURS = re.compile(r"[^/]+/.+\.json")
"""What the history holds: a folder an environment, with runs by month and drills."""
_BRANCH = re.compile(r"(?!.*(\.\.|@\{|//|\.lock(/|$)))[A-Za-z0-9_][A-Za-z0-9._/@+-]*(?<![./])")
_REMOTE = re.compile(r"[A-Za-z0-9._/~\[][^\x00-\x20\x7f]*")
_TRANSPORTS = "file:git:http:https:ssh"
"""What git may speak: its other helpers run a command that the URL names."""


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
                remedy="The history is never rewritten; a new measurement has its own run ID.",
            )
    return tuple(sorted(name for name, content in contents.items() if present.get(name) != content))


def require_names(names: Iterable[str], *, where: str) -> None:
    """Refuse names that would leave the history's folder; they are made of what a run's file says of itself.

    Raises:
        ConfigurationError: One would.
    """
    for name in names:
        if not _NAME.fullmatch(name) or ".." in name:
            raise ConfigurationError(
                f"{name!r} cannot name an entry of the history",
                where=where,
                remedy="A run's environment, scenario and run id consist of letters, digits, `-`, `_` and `.`. "
                "This file was not written by `chamiperf load`: leave it out.",
            )


def no_history_error(where: str) -> ConfigurationError:
    """Say that nothing was ever kept in a place."""
    return ConfigurationError(
        "there is no history here",
        where=where,
        remedy="Check its spelling; it is the one that `chamiperf history add` wrote.",
    )


_DEEPEST = 5
"""Folders below the history's in which its files lie: environment, year and month, and two to spare."""


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
            raise no_history_error(str(self.root))

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted; hidden files and folders are not among them."""
        try:
            return tuple(
                sorted(name for name in bounds.files_below(self.root, deepest=_DEEPEST) if name.endswith(SUFFIX))
            )
        except (OSError, bounds.LimitExceededError) as error:
            raise _unreadable(error, self.root) from error

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each name with its content.

        Raises:
            ConfigurationError: A file cannot be read.
        """
        for name in names:
            try:
                content = bounds.read_bytes(self.root / name)
            except bounds.LimitExceededError:
                # As no entry is so long: read as one that is damaged.
                content = b""
            except OSError as error:
                raise _unreadable(error, self.root / name) from error
            yield name, content

    def add(self, contents: Mapping[str, bytes], *, message: str) -> tuple[str, ...]:
        """Write what is not there yet, each file whole or not at all.

        Raises:
            ConfigurationError: A name is there with other content or would leave the folder, or the folder cannot be
                written.
        """
        del message
        require_names(contents, where=str(self.root))
        present = {name: path.read_bytes() for name in contents if (path := self.root / name).is_file()}
        new = new_names(contents, present, where=str(self.root))
        for name in new:
            files.write_text(self.root / name, contents[name].decode())
        return new


def _unreadable(error: OSError | bounds.LimitExceededError, path: Path) -> ConfigurationError:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return ConfigurationError(f"the history cannot be read: {why}", where=str(path), remedy="Give another --history.")


_RETRY = RetryPolicy(retries=11, first_wait_s=0.1, longest_wait_s=6.4, spread=1.0)
ATTEMPTS = 1 + _RETRY.retries
"""Pushes tried before giving up; with every push one writer of a race succeeds."""
_REFUSALS = 2
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class BranchHistory:
    """A branch of a remote repository; it need not exist yet.

    Attributes:
        repository: A clone, bare or not; its working tree and branches stay as they are.
        branch: The branch's name at the remote.
        remote: The remote's name or URL.
        sleep: Waits between two attempts; tests hand in another.
    """

    repository: Path
    branch: str
    remote: str = "origin"
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        """Refuse a branch or remote that git would read as an option, a revision or a command.

        Raises:
            ConfigurationError: It would.
        """
        if not _BRANCH.fullmatch(self.branch):
            raise ConfigurationError(
                f"{self.branch!r} cannot name a branch",
                where="--history-branch",
                remedy="Give a name such as perf-data.",
            )
        if not _REMOTE.fullmatch(self.remote) or "::" in self.remote:
            raise ConfigurationError(
                f"{_without_password(self.remote)!r} is neither the name nor the URL of a remote",
                where="--remote",
                remedy="Give the name of one, such as origin, or an https, ssh or file URL.",
            )

    def require(self) -> None:
        """Refuse a branch that the remote does not have.

        Raises:
            ConfigurationError: It has none.
            OutsideServiceError: The remote does not answer or refuses.
        """
        if self._fetch() is None:
            raise no_history_error(self._place)

    def names(self) -> tuple[str, ...]:
        """Return all names on the branch as it is at the remote now, sorted.

        Raises:
            OutsideServiceError: The remote does not answer or refuses.
        """
        commit = self._fetch()
        return () if commit is None else self._names(commit)

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each name with its content."""
        commit = self._fetch()
        if commit is None or not names:
            return
        yield from self._read(commit, names)

    def add(self, contents: Mapping[str, bytes], *, message: str) -> tuple[str, ...]:
        """Push one commit with what is not there yet; no commit when all of it is.

        Raises:
            ConfigurationError: A name is there with other content, or the branch is not the history's own.
            OutsideServiceError: The remote refuses, or other writers pushed first, every time.
        """
        require_names(contents, where=self._place)
        self._require_own_branch()
        refused_on: list[str | None] = []
        for tried in range(ATTEMPTS):
            commit = self._fetch()
            if commit is not None:
                self._require_history(commit)
            present = dict(self._read(commit, sorted(set(contents) & set(self._names(commit))))) if commit else {}
            new = new_names(contents, present, where=f"branch {self.branch}")
            if not new:
                return new
            refusal = self._push(self._commit(commit, {name: contents[name] for name in new}, message))
            if refusal is None:
                return new
            # A branch that stands still was not moved by a faster writer; a rule of the remote's forbids the push.
            if refused_on.count(commit) >= _REFUSALS:
                raise refusal
            refused_on.append(commit)
            # Writers that collided once must not stay in step.
            self.sleep(_RETRY.wait_s(min(tried, 5)))
        raise OutsideServiceError(
            f"other writers pushed first, {ATTEMPTS} times", where=self._place, remedy="Run the command again."
        )

    @property
    def _place(self) -> str:
        return f"branch {self.branch} of {_without_password(self.remote)}"

    def _require_own_branch(self) -> None:
        """Refuse the branch that people work on: the remote's default, or the one that is checked out here."""
        default = self._git("ls-remote", "--symref", "--end-of-options", self.remote, "HEAD").decode(errors="replace")
        here = self._run("symbolic-ref", "--quiet", "HEAD").stdout.decode(errors="replace").strip()
        full = f"refs/heads/{self.branch}"
        is_default = f"ref: {full}\tHEAD" in default.splitlines()
        if is_default or here == full:
            what = "the remote's default branch" if is_default else "checked out here"
            raise ConfigurationError(
                f"the history needs its own branch, and {self.branch} is {what}",
                where="--history-branch",
                remedy="Give another name, such as perf-data; the branch is made when it is not there.",
            )

    def _require_history(self, commit: str) -> None:
        """Refuse a branch that holds anything but a history: it would be mixed with what it holds."""
        listed = self._git("ls-tree", "-r", "-z", "--name-only", commit).decode(errors="replace").split("\0")
        foreign = [name for name in listed if name and not _OURS.fullmatch(name)]
        if foreign:
            raise ConfigurationError(
                f"the branch contains something else: {foreign[0]!r} and {len(foreign) - 1} more"
                if len(foreign) > 1
                else f"the branch contains something else: {foreign[0]!r}",
                where=self._place,
                remedy="Give the history its own branch, such as perf-data.",
            )

    def _fetch(self) -> str | None:
        """Return the branch's commit at the remote, its objects fetched; None when there is no such branch."""
        full = f"refs/heads/{self.branch}"
        if not self._git("ls-remote", "--end-of-options", self.remote, full).strip():
            return None
        # A name of its own, so that two processes in one clone do not take each other's.
        kept = f"refs/chamiperf/{uuid.uuid4().hex}"
        shallow = self._git("rev-parse", "--is-shallow-repository").strip() == b"true"
        depth = ("--depth", "1") if shallow else ()
        quietly = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=")
        self._git("fetch", *quietly, *depth, "--end-of-options", self.remote, f"+{full}:{kept}")
        commit = self._git("rev-parse", kept).strip().decode()
        self._git("update-ref", "-d", kept)
        return commit

    def _names(self, commit: str) -> tuple[str, ...]:
        listed = self._git("ls-tree", "-r", "-z", "--name-only", commit).decode().split("\0")
        return tuple(sorted(name for name in listed if name.endswith(SUFFIX)))

    def _read(self, commit: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        wanted = "".join(f"{commit}:{name}\n" for name in names).encode()
        stream = self._git("cat-file", "--batch", stdin=wanted)
        place = 0
        for name in names:
            end = stream.index(b"\n", place)
            size = int(stream[place:end].rsplit(b" ", 1)[1])
            yield name, stream[end + 1 : end + 1 + size]
            place = end + 2 + size

    def _commit(self, parent: str | None, contents: Mapping[str, bytes], message: str) -> str:
        """Build a commit beside the working tree, in an index of its own."""
        with tempfile.TemporaryDirectory(prefix="chamiperf-history-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("read-tree", parent or "--empty", environment=index)
            lines = b"".join(
                b"100644 %s\t%s\n" % (self._git("hash-object", "-w", "--stdin", stdin=content).strip(), name.encode())
                for name, content in sorted(contents.items())
            )
            self._git("update-index", "--add", "--index-info", stdin=lines, environment=index)
            tree = self._git("write-tree", environment=index).strip().decode()
        parents = ("-p", parent) if parent else ()
        return self._git("commit-tree", tree, *parents, "-m", message).strip().decode()

    def _push(self, commit: str) -> ToolkitError | None:
        """Push a commit and return None, or why the remote refused this one.

        The branch must be what the commit was built on, also when that was nothing: git refuses all else.
        """
        result = self._run("push", "--porcelain", "--end-of-options", self.remote, f"{commit}:refs/heads/{self.branch}")
        if result.returncode == 0:
            return None
        failure = self._failure("push", result)
        # `!` marks a ref that was refused, for whatever reason; without one the remote was not reached.
        if any(line.startswith(b"!") for line in result.stdout.splitlines()):
            return failure
        raise failure

    def _git(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        result = self._run(*arguments, stdin=stdin, environment=environment)
        if result.returncode != 0:
            raise self._failure(arguments[0], result)
        return result.stdout

    def _run(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        ours = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": _TRANSPORTS,
            **{f"GIT_{role}_NAME": "chamiperf" for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": "chamiperf@localhost" for role in ("AUTHOR", "COMMITTER")},
            "LC_ALL": "C",
        }
        try:
            return subprocess.run(
                ["git", "-C", str(self.repository), *arguments],
                input=stdin,
                capture_output=True,
                check=False,
                timeout=_TIMEOUT_S,
                env={**os.environ, **ours, **(environment or {})},
            )
        except FileNotFoundError as error:
            raise ConfigurationError("git is not installed", where="PATH", remedy="Install git.") from error
        except subprocess.TimeoutExpired as error:
            raise OutsideServiceError(
                f"git {arguments[0]} did not end within {_TIMEOUT_S} s", where=self._place, remedy="Try again later."
            ) from error

    def _failure(self, what: str, result: subprocess.CompletedProcess[bytes]) -> ToolkitError:
        said = _without_password(" ".join((result.stderr or result.stdout).decode(errors="replace").split()))
        right = "write" if what == "push" else "read"
        # A command that can do without a repository, such as ls-remote, does not say that it was given one and left it.
        if b"dubious ownership" in self._run("rev-parse", "--git-dir").stderr:
            place = self.repository.absolute()
            return ConfigurationError(
                "git refuses a checkout that another user owns (dubious ownership)",
                where=str(place),
                remedy="If it is meant, as in a container whose user is not the checkout's: "
                f"git config --global --add safe.directory {shlex.quote(str(place))}",
            )
        return OutsideServiceError(
            f"git {what} failed: {said[-300:]}",
            where=self._place,
            remedy=f"Check the remote's name (`git remote -v`), and that you may {right} there; of a workflow's token "
            f"`permissions:` of the job say so (`contents: {right}`).",
        )


def _without_password(text: str) -> str:
    """A remote's URL may carry a token; messages never do."""
    return re.sub(r"//[^/@\s]+@", "//***@", text)


_DRILLS = "drills"
_DRILL = re.compile(r"\d{8}T\d{6}Z\.(?P<scenario>[^./]+)\.(?P<profile>[^./]+)\.json")
_MAKE_IT = "Make it with `chamiperf drill`."


def read_drill(path: Path) -> Drill:
    """Read a drill's file.

    Raises:
        ConfigurationError: It is missing or wrong.
    """
    return files.read_document(path, Drill, remedy=_MAKE_IT)


def keep_drill(store: HistoryStore, drill: Drill) -> tuple[str, ...]:
    """Write a drill that is not there yet and return its name.

    Raises:
        ConfigurationError: It has no valid run, so nothing says of which environment it is; or another one of that
            second is there.
        OutsideServiceError: The remote refuses.
    """
    if drill.fingerprint is None:
        raise ConfigurationError(
            "the drill has no valid run, so its fingerprint is unknown", where="--drill", remedy=_MAKE_IT
        )
    environment = drill.fingerprint.environment
    name = f"{drill.started_at.astimezone(UTC):%Y%m%dT%H%M%SZ}.{drill.scenario}.{drill.profile}.json"
    return store.add(
        {f"{environment}/{_DRILLS}/{name}": files.dumps(drill).encode()},
        message=f"Add a drill of {environment}: {drill.scenario}",
    )


@dataclass(frozen=True, slots=True)
class KeptDrills:
    """Drills, and sentences about files that could not be read: a night is judged without them."""

    drills: tuple[Drill, ...] = ()
    problems: tuple[str, ...] = ()


def newest_drills(history: Path, environment: str) -> KeptDrills:
    """Return the newest drill of each scenario and profile of an environment.

    Args:
        history: Folder of the history; it need not exist.
        environment: Whose.
    """
    folder = history / environment / _DRILLS
    named = ((_DRILL.fullmatch(name), name) for name in FolderHistory(folder).names())
    newest = {(found["scenario"], found["profile"]): name for found, name in named if found}
    drills, problems = [], []
    for name in sorted(newest.values()):
        try:
            drills.append(read_drill(folder / name))
        except ConfigurationError as error:
            problems.append(f"{environment}/{_DRILLS}/{name} is skipped: {error.wrong}")
    return KeptDrills(tuple(drills), tuple(problems))
