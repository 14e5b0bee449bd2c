"""The workflows that a repository takes from this toolkit: what to write, what is older, what a person must still do.

Each file begins with a line that says which template it was made from, with which values, and the digest of the rest.
So a later call can tell a copy that somebody edited from one that is merely older, and makes an older one anew with the
values of the first time. Nothing of another's is ever overwritten, and a link is never followed.
"""

import difflib
import hashlib
import json
import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from chamiperf_ci import __version__
from chamiperf_ci.adapters import bounds, files
from chamiperf_ci.adapters.files import read_targets, recorded_release, workflow_templates
from chamiperf_ci.errors import ConfigurationError

_FOLDER = Path(".github/workflows")
_TARGETS = Path("chamiperf.toml")
_DEPLOY = Path(".github/chamiperf/deploy")
_HEADER = re.compile(r"# Written by chamiperf init [^ ]+: (?P<words>.*); content (?P<digest>[0-9a-f]{16})\.\n")
_PLACE = re.compile(r"(?P<repository>[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+)@(?P<commit>[0-9a-f]{40}|[0-9a-f]{64})")
_USED = re.compile(
    r"uses: (?P<repository>[\w.-]+/[\w.-]+)/(?:actions|\.github/workflows)/[\w.-]+"
    r"@(?P<commit>[0-9a-f]+) # v(?P<version>\S+)"
)
_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,99}")
_PUSHED = "branches: [main]"
"""How a template says that it runs on a push to the default branch."""
_RUNNER = "      runner: ubuntu-24.04\n"
_STACK = ("      stack: embedded\n", "default: staging\n")
_PLACEHOLDER = re.compile(r"(?i:owner|your[-_].*)|ORG|USER|REPO|NAME|TARGET|LABEL|BRANCH|COMMIT(-IN-FULL)?|SHA|0{40,}")
"""What pages and help put where the reader's own word belongs."""
_GUIDE = re.compile(r"(?m)^# The stacks that chamiperf may drive: https://github\.com/\S+/docs/your-stack\.md$")
_NEEDS = {
    "fork": ("comment", "nobody sees the verdict on a fork's pull request"),
    "watch": ("nightly", "no night comes"),
}
"""A workflow, another that it is nothing without, and what happens then."""
_SMOKED = "staging"
"""The target of a smoke test for which none is named: a self-test of it would show nothing."""
_SELF_TEST = (
    (re.compile(r"#\n# As it stands, this is a self-test .*?\n(?=name:)", re.DOTALL), ""),
    (
        re.compile(
            r"      # Your own stack: .*\n      profile: demo\n      vus: .*\n      sustained: .*\n      nodes: .*\n"
        ),
        "      # Or full: 20,000 nodes boot at once. Without `nodes:`, 50,000 are seeded.\n      profile: quick\n",
    ),
    (re.compile(r"      # Your own stack: .*\n(?=      stack: embedded\n)"), ""),
)
"""What a copy says and does for the embedded stack alone, and what takes its place where a target is named."""

HOSTED = "ubuntu-24.04"
"""The runner of a copy that names none."""
_NO_TARGET = frozenset({"embedded", "self-test", "none"})
"""What `--target` may say for the self-test, where chamiperf.toml describes no target of that name."""


class FileState(StrEnum):
    """What a file is, beside what it would be."""

    NEW = "new"
    CURRENT = "current"
    OLDER = "older"
    EDITED = "edited"
    """By hand, from the current template: it stays."""
    EDITED_OLDER = "edited, older"
    """By hand, from an older template: a person must merge it."""
    FOREIGN = "not ours"
    """A file of that name which this toolkit did not write."""


FINE = frozenset({FileState.CURRENT, FileState.EDITED})
"""What `--check` has nothing to say about."""
WAITING = frozenset({FileState.EDITED_OLDER, FileState.FOREIGN})
"""What waits for a person."""


@dataclass(frozen=True, slots=True)
class Toolkit:
    """Where the workflows get this toolkit from."""

    repository: str
    commit: str


@dataclass(frozen=True, slots=True)
class Values:
    """What a copy is filled with, beside the toolkit's place.

    Args:
        runner: Labels of the runner.
        target: A target of chamiperf.toml; empty for the embedded stack.
        branch: The default branch; empty where the workflow does not run on a push to it.
    """

    runner: tuple[str, ...] = (HOSTED,)
    target: str = ""
    branch: str = ""

    def words(self) -> str:
        """The options that say so."""
        runner = "" if self.runner == (HOSTED,) else ",".join(self.runner)
        said = {"--runner": runner, "--target": self.target, "--branch": self.branch}
        return shlex.join([word for option, value in said.items() if value for word in (option, value)])


@dataclass(frozen=True, slots=True)
class ManagedFile:
    """One file.

    Args:
        path: In the repository.
        text: As it would be written.
        before: As it is; None where there is none.
        state: How the two compare.
        values: What a workflow is filled with; None for chamiperf.toml.
    """

    path: Path
    text: str
    before: str | None
    state: FileState
    values: Values | None = None

    @property
    def diff(self) -> str:
        """What writing it would change, as `diff -u` shows it; empty for a new file."""
        if self.before is None:
            return ""
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.text))
        return "".join(difflib.unified_diff(before, after, f"a/{self.path}", f"b/{self.path}"))


def names() -> tuple[str, ...]:
    """The workflows that can be asked for."""
    return tuple(sorted(path.stem for path in workflow_templates().glob("*.yml")))


def toolkit_named(given: str | None, root: Path) -> Toolkit:
    """The toolkit's place as it was given, else as its build recorded it, else as this version wrote it before.

    Raises:
        ConfigurationError: It is not OWNER/REPO@SHA, or has a placeholder in it, or nothing recorded it.
    """
    said = given or recorded_release() or _installed_from() or _checked_out() or _written_before(root)
    if said is None:
        raise ConfigurationError(
            "this installation does not know where it comes from",
            where="--toolkit",
            remedy="Give the repository and the commit that workflows are to use, as --toolkit OWNER/REPO@SHA. "
            "In a clone of the toolkit, `git rev-parse HEAD` prints the SHA.",
        )
    for part in re.split("[/@]", said):
        _refuse_placeholder(part, "--toolkit")
    match = _PLACE.fullmatch(said)
    if match is None or match["repository"].rpartition("/")[2] in {".", ".."}:
        raise ConfigurationError(
            f"{said!r} is not OWNER/REPO@SHA",
            where="--toolkit",
            remedy="Give the commit in full, 40 hexadecimal digits: a tag or a branch can be moved.",
        )
    return Toolkit(match["repository"], match["commit"])


def values_named(runner: str | None, target: str | None, branch: str | None = None) -> Values:
    """The values as they were given.

    Raises:
        ConfigurationError: A label, or the target's or the branch's name, is a placeholder or has a character that it
            cannot have.
    """
    labels = tuple(label.strip() for label in (runner or HOSTED).split(","))
    most = "letters, digits, dots, dashes"
    of = f"{most} and underscores"
    for label in labels:
        _refuse_unusable(label, _LABEL, "--runner", "a runner's label", f"Give labels of {of}, separated by commas.")
    if target:
        remedy = f"Give a name of {of}, as in [targets.NAME], or self-test."
        _refuse_unusable(target, _NAME, "--target", "a target's name", remedy)
    if branch:
        _refuse_unusable(
            branch, _BRANCH, "--branch", "a plain branch name", f"Give a name of {most}, underscores and slashes."
        )
    return Values(labels, target or "", branch or "")


def _refuse_unusable(word: str, form: re.Pattern[str], option: str, kind: str, remedy: str) -> None:
    _refuse_placeholder(word, option)
    if not form.fullmatch(word):
        raise ConfigurationError(f"{word!r} is not {kind}", where=option, remedy=remedy)


def _refuse_placeholder(word: str, option: str) -> None:
    if _PLACEHOLDER.fullmatch(word):
        raise ConfigurationError(f"{word!r} is a placeholder", where=option, remedy="Replace it with the real one.")


def root_of(folder: Path) -> Path:
    """The repository that a folder lies in.

    Raises:
        ConfigurationError: It lies in none.
    """
    for place in (folder.resolve(), *folder.resolve().parents):
        if (place / ".git").exists():
            return place
    raise ConfigurationError(
        "this is not a git repository", where=str(folder), remedy="Go to the repository, or run `git init` first."
    )


def copies(
    root: Path, wanted: Sequence[str], toolkit: Toolkit, *, runner: str | None, target: str | None, branch: str | None
) -> tuple[ManagedFile, ...]:
    """The files of the workflows, and chamiperf.toml.

    Args:
        root: The repository.
        wanted: Names of workflows; none for those that are there already, and in a repository without any the nightly.
        toolkit: Where they get the toolkit from.
        runner: Labels; None for those of each copy, as its first line says, and for a new copy those of all others.
        target: A target's name; empty, `self-test`, `embedded` or `none` for the self-test; None as for `runner`.
        branch: The default branch; None for that of the copy, and for a new copy what git says.

    Raises:
        ConfigurationError: A value cannot be used, or a link or a folder stands where a file would be written.
    """
    known = names()
    for name in wanted:
        if name not in known:
            raise ConfigurationError(
                f"there is no workflow {name!r}", where="--workflows", remedy=f"Choose from: {', '.join(known)}."
            )
    there = {name: _values_of(header["words"]) for name in known if (header := _header(root / _path(name)))}
    before = _read(root, _TARGETS)
    if target in _NO_TARGET - _described(root):
        target = ""
    # Also where no workflow takes them: what is mistyped is told.
    values_named(runner, target, branch)
    made = []
    for name in dict.fromkeys(wanted or there or ["nightly"]):
        own = there.get(name) or _shared(there)
        values = values_named(
            (",".join(own.runner) if runner is None else runner) if _takes(name, _RUNNER) else None,
            (own.target if target is None else target) if _takes(name, *_STACK) else None,
            (branch or own.branch or _default_branch(root)) if _takes(name, _PUSHED) else None,
        )
        made.append(_copy(root, name, toolkit, values))
    targets = _targets(toolkit, with_pull_request=any(copy.path == _path("pull-request") for copy in made))
    if before is None:
        return (*made, ManagedFile(_TARGETS, targets, None, FileState.NEW))
    # Whatever it says is the repository's own, but for the line that says where this toolkit's page is.
    text = _GUIDE.sub(targets.partition("\n")[0], before)
    return (*made, ManagedFile(_TARGETS, text, before, FileState.CURRENT if text == before else FileState.OLDER))


def write(root: Path, planned: Sequence[ManagedFile], *, force: bool) -> tuple[ManagedFile, ...]:
    """Write what is new or older, with `force` also what was edited by hand; return what was written."""
    chosen = {FileState.NEW, FileState.OLDER} | (set(FileState) - {FileState.CURRENT} if force else set())
    written = tuple(copy for copy in planned if copy.state in chosen)
    for copy in written:
        files.write_text(root / copy.path, copy.text)
    return written


def manual_steps(root: Path, planned: Sequence[ManagedFile]) -> tuple[str, ...]:
    """What no file can do and this repository does not have yet: sentences, in the order in which a person does it."""
    values = [copy.values for copy in planned if copy.values is not None]
    targets = dict.fromkeys(each.target for each in values if each.target)
    if not all(copy.values.target for copy in planned if copy.path == _path("smoke") and copy.values):
        targets[_SMOKED] = None
    runners = dict.fromkeys(each.runner for each in values if each.runner != (HOSTED,))
    there = {copy.path.stem.removeprefix("chamiperf-") for copy in planned if copy.path != _TARGETS}
    of_pull_request = ("pull-request", "pull-request-base") if "pull-request" in there else ()
    described = _described(root)
    todo = [
        f"Describe the target {target} in chamiperf.toml."
        for target in (*targets, *of_pull_request)
        if target not in described
    ]
    if "pull-request" in there:
        if not os.access(root / _DEPLOY, os.X_OK):
            todo.append(
                f"Commit {_DEPLOY}, an executable script that starts the build it is called for: head, base. "
                "Where both run already, remove deploy-script from chamiperf-pull-request.yml instead."
            )
        todo.append("Create the label `performance`: a pull request that gets it is measured.")
    if targets:
        todo.append(
            "Store the stack's token as the secret CHAMICORE_INTERNAL_TOKEN (Settings, Secrets and variables, Actions)."
        )
    todo += [f"Register a runner with the labels {', '.join(labels)}." for labels in runners]
    if there & {"nightly", "update-baseline"}:
        allow = "`Allow GitHub Actions to create and approve pull requests`"
        todo.append(f"Tick {allow} under Settings, Actions, General, so that baselines can be proposed.")
    for name, (other, otherwise) in _NEEDS.items():
        if name in there and not (root / _path(other)).exists() and other not in there:
            todo.append(f"Add the workflow {other}: without it, {otherwise}.")
    # With the slash, because a folder that is not there yet is matched by `out/` only so.
    if not _git(root, "check-ignore", "out/"):
        todo.append("Add `/out/` to .gitignore: commands that you run here write there.")
    todo.append("Commit and push the files.")
    if "nightly" in there:
        todo.append("Start the first night by hand: Actions, chamiperf nightly, Run workflow.")
    return tuple(todo)


def _path(name: str) -> Path:
    return _FOLDER / f"chamiperf-{name}.yml"


def _copy(root: Path, name: str, toolkit: Toolkit, values: Values) -> ManagedFile:
    path = _path(name)
    before, text = _read(root, path), _rendered(name, toolkit, values)
    return ManagedFile(path, text, before, _state(before, text), values)


def _template(name: str) -> str:
    return (workflow_templates() / f"{name}.yml").read_text(encoding="utf-8")


def _takes(name: str, *lines: str) -> bool:
    """Whether a workflow has a place for a value."""
    return any(line in _template(name) for line in lines)


def _shared(there: Mapping[str, Values]) -> Values:
    """What a new copy has where nothing is said: what all the others have that take such a value."""
    runners = {each.runner for name, each in there.items() if _takes(name, _RUNNER)}
    targets = {each.target for name, each in there.items() if _takes(name, *_STACK)}
    return Values(runners.pop() if len(runners) == 1 else (HOSTED,), targets.pop() if len(targets) == 1 else "")


def _described(root: Path) -> frozenset[str]:
    """The targets of chamiperf.toml.

    Raises:
        ConfigurationError: The file cannot be read as what it should be.
    """
    return frozenset(read_targets(root / _TARGETS).targets) if (root / _TARGETS).exists() else frozenset()


def _default_branch(root: Path) -> str:
    """The default branch: the remote's, else a usual one that is there, else the one that is checked out."""
    remote = _git(root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    if remote:
        return remote.removeprefix("origin/")
    for name in filter(None, (_git(root, "config", "init.defaultBranch"), "main", "master")):
        if any(
            _git(root, "rev-parse", "--verify", "--quiet", f"refs/{where}/{name}")
            for where in ("remotes/origin", "heads")
        ):
            return name
    return _git(root, "symbolic-ref", "--short", "HEAD") or "main"


def _git(folder: Path, *words: str) -> str:
    """What git says; empty where it fails, and where there is none."""
    try:
        ran = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def _state(before: str | None, text: str) -> FileState:
    if before is None:
        return FileState.NEW
    there, new = _HEADER.match(before), _HEADER.match(text)
    if there is None or new is None:
        return FileState.FOREIGN
    is_edited = _digest(before[there.end() :]) != there["digest"]
    is_older = there["digest"] != new["digest"]
    if is_edited:
        return FileState.EDITED_OLDER if is_older else FileState.EDITED
    return FileState.OLDER if is_older else FileState.CURRENT


def _rendered(name: str, toolkit: Toolkit, values: Values) -> str:
    text = _template(name).replace("OWNER/chamiperf-ci", toolkit.repository)
    text = text.replace(_PUSHED, f"branches: [{values.branch}]")
    text = re.sub(r"@COMMIT\b", f"@{toolkit.commit} # v{__version__}", text)
    runner = values.runner[0] if len(values.runner) == 1 else f"'{json.dumps(list(values.runner))}'"
    text = text.replace(_RUNNER, f"      runner: {runner}\n")
    if values.target:
        for pattern, instead in _SELF_TEST:
            text = pattern.sub(instead, text)
        text = text.replace(_STACK[0], f"      target: {values.target}\n")
        text = re.sub(rf"(default: |\|\| '){_SMOKED}\b", rf"\g<1>{values.target}", text)
    words = " ".join(filter(None, [name, values.words()]))
    return f"# Written by chamiperf init {__version__}: {words}; content {_digest(text)}.\n{text}"


def _targets(toolkit: Toolkit, *, with_pull_request: bool) -> str:
    guide = f"https://github.com/{toolkit.repository}/blob/{toolkit.commit}/docs/your-stack.md"
    named = ["staging", *(["pull-request", "pull-request-base"] if with_pull_request else [])]
    examples = "".join(
        f'#\n# [targets.{name}]\n# gateway = "https://{name}.example.org"\n# allowed_hosts = ["{name}.example.org"]\n'
        for name in named
    )
    head = f"# The stacks that chamiperf may drive: {guide}\n# The self-test needs none. Uncomment one for your own.\n"
    return head + examples


def _written_before(root: Path) -> str | None:
    """The place that the copies name, where this version wrote them all and they agree."""
    there = [file for file in (root / _FOLDER).glob("chamiperf-*.yml") if _header(file)]
    used = [match for file in there for match in _USED.finditer(_read(root, file.relative_to(root)) or "")]
    places = {f"{match['repository']}@{match['commit']}" for match in used}
    return places.pop() if len(places) == 1 and {match["version"] for match in used} == {__version__} else None


def _header(file: Path) -> re.Match[str] | None:
    """The first line of a copy of ours; None for any other file, or for none."""
    try:
        with file.open(encoding="utf-8") as lines:
            return _HEADER.match(lines.readline(2_000))
    except (OSError, UnicodeDecodeError):
        return None


def _values_of(words: str) -> Values:
    """The values in a first line; one that somebody has spoilt is as if nothing was given."""
    given = dict(re.findall(r"--(runner|target|branch) (\S+)", words))
    try:
        return values_named(given.get("runner"), given.get("target"), given.get("branch"))
    except ConfigurationError:
        return Values()


def _read(root: Path, path: Path) -> str | None:
    """A file of the repository as it is; None where there is none.

    Raises:
        ConfigurationError: A link, or something that is not a file, stands in the way, or it cannot be read.
    """
    place = root
    for part in path.parts:
        place /= part
        if place.is_symlink():
            raise ConfigurationError(
                "this is a symbolic link, which may lead elsewhere",
                where=str(place.relative_to(root)),
                remedy="Replace it with a regular file or folder.",
            )
        if place.is_file() and part != path.name:
            raise ConfigurationError(
                "this is a file, and a folder belongs here",
                where=str(place.relative_to(root)),
                remedy="Move it out of the way.",
            )
    if not place.exists():
        return None
    try:
        return bounds.read(place)
    except (OSError, ValueError) as error:
        wrong = f"the file cannot be read: {error.strerror if isinstance(error, OSError) else 'it is not UTF-8 text'}"
        raise ConfigurationError(wrong, where=str(path), remedy="Move it out of the way.") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _installed_from() -> str | None:
    """The place that pip wrote down when it installed from a repository on GitHub (PEP 610)."""
    try:
        said = json.loads(metadata.distribution("chamiperf-ci").read_text("direct_url.json") or "{}")
        match = re.fullmatch(r"(?:https://|ssh://git@)[\w.-]+/([\w-]+/[\w.-]+?)(?:\.git)?/?", said["url"])
        commit = said["vcs_info"]["commit_id"]
    except (metadata.PackageNotFoundError, OSError, ValueError, KeyError, TypeError):
        return None
    return f"{match[1]}@{commit}" if match else None


def _checked_out() -> str | None:
    """The place of the clone that this package runs from, where its commit has been pushed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None

    address = r"(?:https://|ssh://git@|git@)github\.com[:/]([\w-]+/[\w.-]+?)(?:\.git)?/?"
    match = re.fullmatch(address, _git(root, "remote", "get-url", "origin"))
    commit = _git(root, "rev-parse", "HEAD")
    if not match or not commit or not _git(root, "branch", "--remotes", "--contains", commit):
        return None
    return f"{match[1]}@{commit}"
