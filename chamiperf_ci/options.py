"""Click options that several commands share, and how options and variables become one typed object.

Only here are variables read. A secret comes by variable or by file, never as an argument, which others could read in
the list of processes.
"""

import contextlib
import copy
import functools
import hashlib
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import click
from pydantic import SecretStr

from chamiperf_ci.adapters.files import check_secret, read_secret, require_writable
from chamiperf_ci.adapters.history import BranchHistory, FolderHistory
from chamiperf_ci.errors import ConfigurationError, ToolkitError
from chamiperf_ci.models.dialect import new_run_id
from chamiperf_ci.models.target import (
    SECRET_FILES,
    URL_VARIABLES,
    CredentialKind,
    Service,
    Setting,
    TargetEntry,
    TargetOptions,
    setting,
)
from chamiperf_ci.models.vocabulary import FailOn

if TYPE_CHECKING:
    from chamiperf_ci.adapters.github.api import Api

Command = Callable[..., Any]
"""A click command, or the function that becomes one."""


class Duration(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.2
    """A duration as a person writes it: `90s`, `1m30s`, `24h`, `500ms`, or a bare number of seconds.

    Args:
        least_s: The shortest that is taken, seconds; None for any above zero, 0 where `0` means none.
    """

    name = "duration"
    _UNITS: ClassVar[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

    def __init__(self, *, least_s: float | None = None) -> None:
        self._least_s = least_s

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Seconds."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
            text += "s"
        if re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h|d))+", text, re.ASCII) is None:
            self.fail(f"{value!r} is not a duration such as 90s, 1m30s or 24h", param, ctx)
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text, re.ASCII)
        seconds = sum(float(number) * self._UNITS[unit] for number, unit in parts)
        if seconds <= 0 and self._least_s != 0:
            self.fail(f"{value!r} must be longer than zero", param, ctx)
        if self._least_s is not None and seconds < self._least_s:
            self.fail(f"{value!r} is shorter than {self._least_s:g} s", param, ctx)
        if seconds > _LONGEST_S:
            self.fail(f"{str(value)[:_SHOWN]!r} is longer than ten years", param, ctx)
        return seconds


_LONGEST_S: Final = 3650 * 86400.0
_SHOWN: Final = 40
DURATION: Final = Duration()
DURATION_OR_NONE: Final = Duration(least_s=0.0)
"""As a duration, but 0 is taken and means none."""
PERIOD: Final = Duration(least_s=900.0)
"""From one night to the next; GitHub starts no schedule more often than every five minutes."""


@dataclass(frozen=True, slots=True)
class LockOptions:
    """Who asks for a stack's lock."""

    run: str
    owner: str
    break_lock: bool
    is_named: bool
    """Whether the run was given, so that other machines can name it as well."""


def claim_options(command: Command) -> Command:
    """Add the options of the stack's lock; the command gets them as `claim`, a LockOptions.

    The run is by default the job of a workflow run, so that all its steps share one lock and two jobs of a matrix do
    not, and otherwise a new one for each command.
    """

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        lock_run, break_lock = values.pop("lock_run"), values.pop("break_lock")
        return command(claim=LockOptions(lock_run or _own_run(), _owner(), break_lock, bool(lock_run)), **values)

    decorated = click.option("--break-lock", is_flag=True, help="Take the stack's lock from whoever holds it.")(collect)
    return click.option(
        "--lock-run",
        metavar="ID",
        envvar="CHAMIPERF_LOCK_RUN",
        show_envvar=True,
        help="Commands with the same ID share the stack's lock.  [default: the job of a workflow run]",
    )(decorated)


def _own_run() -> str:
    """The workflow run, its attempt, job and runner, else something that no other command has.

    The jobs of a matrix differ in the runner alone, which has one job at a time.
    """
    run_id = os.environ.get("GITHUB_RUN_ID")
    if not run_id:
        return new_run_id("l")
    runner = os.environ.get("RUNNER_NAME") or socket.gethostname()
    place = hashlib.sha256(runner.encode("utf-8", "replace")).hexdigest()[:6]
    parts = (run_id, os.environ.get("GITHUB_RUN_ATTEMPT", "1"), os.environ.get("GITHUB_JOB"), place)
    return "-".join(part for part in parts if part)


def _owner() -> str:
    """The repository whose workflow this is, else the user and the machine."""
    user = os.environ.get("USER") or f"user {os.getuid()}"
    return os.environ.get("GITHUB_REPOSITORY") or f"{user} on {socket.gethostname()}"


_FILE: Final = click.Path(path_type=Path)


_SHAPE = (
    click.option("--vus", type=click.IntRange(1), help="VUs of the sustained phase.  [default: the profile's]"),
    click.option("--spike-vus", type=click.IntRange(1), help="VUs of the spike.  [default: the profile's]"),
    click.option(
        "--rate",
        type=click.FloatRange(0, min_open=True),
        help="Arrivals per second of the sustained phase.  [default: the profile's]",
    ),
    click.option(
        "--spike-rate",
        type=click.FloatRange(0, min_open=True),
        help="Arrivals per second of the spike.  [default: the profile's]",
    ),
    click.option(
        "--iterations",
        type=click.IntRange(1),
        help="Iterations of phases that end after a fixed number.  [default: the profile's]",
    ),
    click.option(
        "--pace",
        type=DURATION_OR_NONE,
        help="Time between the starts of a VU's iterations; 0 for none.  [default: the profile's]",
    ),
    click.option(
        "--ramp-up", type=DURATION_OR_NONE, help="Duration of the ramp; 0 leaves it out.  [default: the profile's]"
    ),
    click.option(
        "--sustained", type=DURATION_OR_NONE, help="Duration of the sustained phase.  [default: the profile's]"
    ),
    click.option(
        "--spike", type=DURATION_OR_NONE, help="Duration of the spike; 0 leaves it out.  [default: the profile's]"
    ),
    click.option(
        "--cooldown", type=DURATION_OR_NONE, help="Duration of the cooldown; 0 leaves it out.  [default: the profile's]"
    ),
)
_PHASES: Final = ("ramp-up", "sustained", "spike", "cooldown")


def shape_options(command: Command) -> Command:
    """Add the options of a load's shape; durations of phases come as `durations_s`, those that were given."""

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        durations = {name: values.pop(name.replace("-", "_")) for name in _PHASES}
        given = {name: seconds for name, seconds in durations.items() if seconds is not None}
        return command(durations_s=given, **values)

    decorated: Command = collect
    for add in reversed(_SHAPE):
        decorated = add(decorated)
    return decorated


def out_option(command: Command, *, writes: bool = True) -> Command:
    """`--out`: the folder in which a command finds and leaves the pipeline's files; one that writes looks first."""
    return click.option(
        "--out",
        type=_FILE,
        default=Path("out"),
        show_default=True,
        envvar="CHAMIPERF_OUT",
        show_envvar=True,
        callback=_writable if writes else None,
        help="Folder for the pipeline's files.",
    )(command)


def _writable(_context: click.Context, _option: click.Parameter, folder: Path) -> Path:
    require_writable(folder)
    return folder


def link_options(command: Command) -> Command:
    """`--project-url`, `--report-url`, `--trend-url`: where links lead; the command gets them as `links`, a Context."""

    @functools.wraps(command)
    def collect(*, project_url: str, report_url: str, trend_url: str, **values: Any) -> Any:  # noqa: ANN401 - click's own types
        from chamiperf_ci.render.numbers import Context  # noqa: PLC0415 - keeps `chamiperf --help` fast

        return command(links=Context(project_url=project_url, report_url=report_url, trend_url=trend_url), **values)

    decorated: Command = collect
    for name, said in (
        ("trend", "The page that `history site` makes, or the trend."),
        ("report", "The full report."),
        ("project", "URL of this toolkit's files, for links to what a verdict means."),
    ):
        variable = f"CHAMIPERF_{name.upper()}_URL"
        decorated = click.option(
            f"--{name}-url", envvar=variable, show_envvar=True, default="", metavar="URL", help=said
        )(decorated)
    return decorated


def baseline_options(command: Command) -> Command:
    """Add what a comparison stands on: `--baselines` and `--history`."""
    command = click.option(
        "--history",
        type=_FILE,
        metavar="DIR",
        help="Earlier nights, as `chamiperf history add` keeps them; the folder may be missing.",
    )(command)
    return click.option(
        "--baselines",
        type=_FILE,
        default=Path("baselines.json"),
        show_default=True,
        help="Targets, tolerances and accepted runs.",
    )(command)


def gate_options(command: Command) -> Command:
    """Add what makes a night fail: `--gate` and `--fail-on`."""
    command = click.option(
        "--fail-on",
        type=click.Choice([str(kind) for kind in FailOn]),
        multiple=True,
        default=("regression", "target", "invalid"),
        show_default=True,
        help="What fails the night; repeatable, and replaces the default.",
    )(command)
    return click.option(
        "--gate",
        type=click.Choice(["verdict", "adr"]),
        default="verdict",
        show_default=True,
        help="`adr`: one run against the median of the accepted, the ADR's letter; it alarms on most quiet nights.",
    )(command)


def shown_options(command: Command) -> Command:
    """`--all`, `--verbose`, `--quiet`, `--format`: how much of a verdict is printed; the command gets it as `form`."""

    @functools.wraps(command)
    def collect(*, show_all: bool, verbose: bool, quiet: bool, form: str, **values: Any) -> Any:  # noqa: ANN401 - click's own types
        given = {"all": show_all and not verbose, "verbose": verbose, "sentence": quiet, "json": form == "json"}
        wanted = [each for each, is_given in given.items() if is_given]
        if len(wanted) > 1:
            raise click.UsageError("Give one of --all, --verbose, --quiet and --format json.")
        return command(form=wanted[0] if wanted else "brief", **values)

    for option in (
        click.option(
            "--format",
            "form",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            help="Standard output: text, or verdict.json.",
        ),
        click.option("--quiet", "-q", is_flag=True, help="Print the verdict's sentence alone, on one line."),
        click.option("--verbose", "-v", is_flag=True, help="As --all, and what the words mean."),
        click.option("--all", "show_all", is_flag=True, help="Print every row and warning, not one screen."),
    ):
        collect = option(collect)
    return collect


class Printed:
    """What standard output gets of a command's result: its text, one line of it, or one JSON document.

    Args:
        form: `text`, `sentence`, `json`, or another form that the command has of its own.
    """

    def __init__(self, form: str) -> None:
        self.form = form
        self._documents: list[Any] = []

    def hand_over(self, document: Any) -> None:  # noqa: ANN401 - a model, a dataclass, or several
        """Keep what the command has found; `--format json` prints the last of it, also after an error."""
        self._documents[:] = [document]

    @contextlib.contextmanager
    def kept_apart(self) -> Iterator[None]:
        """With `--format json`, send whatever is said to standard error, and print the document at the end."""
        if self.form != "json":
            yield
            return
        from pydantic_core import to_json  # noqa: PLC0415 - keeps `chamiperf --help` fast

        out = sys.stdout
        try:
            with contextlib.redirect_stdout(sys.stderr):
                yield
        finally:
            for document in self._documents:
                click.echo(to_json(document, indent=2, inf_nan_mode="null").decode(), file=out)


def json_option(*others: str, what: str = "the same as JSON") -> Callable[[Command], Command]:
    """`--format`: text or one JSON document on standard output; the command gets it as `printed`.

    Args:
        others: What a command can print instead of text, the default first.
        what: Names what the JSON holds, for the help.
    """
    choices = (*(others or ("text",)), "json")

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def collect(*, form: str, **values: Any) -> Any:  # noqa: ANN401 - click's own types
            printed = Printed("sentence" if values.pop("quiet", False) else form)
            if printed.form == "sentence" and form == "json":
                raise click.UsageError("Give one of --quiet and --format json.")
            with printed.kept_apart():
                return command(printed=printed, **values)

        return click.option(
            "--format",
            "form",
            type=click.Choice(choices),
            default=choices[0],
            show_default=True,
            help=f"Standard output: {' or '.join(choices[:-1])}, or {what}.",
        )(collect)

    return decorate


def printed_options(command: Command) -> Command:
    """`--quiet`, `--format`: how much of a step's result is printed; the command gets it as `printed`."""
    return click.option("--quiet", "-q", is_flag=True, help="Print the result in one line.")(
        json_option(what="the file that is written")(command)
    )


def history_options(command: Command, *, required: bool = False) -> Command:
    """`--history`, `--history-branch`, `--remote`: where the history lies; the command gets them as `history`."""

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        folder, branch, remote = (values.pop(name) for name in ("history", "history_branch", "remote"))
        if folder is not None and branch is not None:
            raise click.UsageError("give --history or --history-branch, not both")
        store = BranchHistory(Path(), branch, remote) if branch else FolderHistory(folder) if folder else None
        if store is None and required:
            raise ConfigurationError(
                "no history is named", where="--history, --history-branch", remedy="Give a folder or a branch."
            )
        return command(history=store, **values)

    decorated: Command = collect
    for option in (
        click.option(
            "--remote",
            default="origin",
            show_default=True,
            help="Remote of the branch: its name in this clone, or a URL.",
        ),
        click.option(
            "--history-branch",
            metavar="BRANCH",
            envvar="CHAMIPERF_HISTORY_BRANCH",
            help="The history as a branch of this clone's remote. [CHAMIPERF_HISTORY_BRANCH]",
        ),
        click.option(
            "--history", type=_FILE, envvar="CHAMIPERF_HISTORY", help="The history as a folder. [CHAMIPERF_HISTORY]"
        ),
    ):
        decorated = option(decorated)
    return decorated


_DAY: Final = click.DateTime(["%Y-%m-%d"])


def range_options(command: Command) -> Command:
    """`--environment`, `--scenario`, `--since`, `--until`: the command gets them as `which`.

    It reads nights, unless it has an option `kinds` of its own, which goes into `which` too.
    """

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        from chamiperf_ci.models.run import RunKind  # noqa: PLC0415 - keeps `chamiperf --help` fast
        from chamiperf_ci.steps.history import wanted  # noqa: PLC0415

        kinds = values.pop("kinds", (RunKind.NIGHT,))
        days = {name: values.pop(name) for name in ("since", "until")}
        return command(which=wanted(values.pop("environment"), values.pop("scenarios"), kinds, **days), **values)

    decorated: Command = collect
    for option in (
        click.option("--until", type=_DAY, help="Of the history: the day after the last one (UTC)."),
        click.option("--since", type=_DAY, help="Of the history: the first day (UTC)."),
        click.option(
            "--scenario",
            "scenarios",
            multiple=True,
            metavar="NAME",
            help="Of the history: a scenario; repeatable. Default: all.",
        ),
        click.option(
            "--environment", default="", metavar="NAME", help="Of the history: the environment. Default: all."
        ),
    ):
        decorated = option(decorated)
    return decorated


def source_options(command: Command) -> Command:
    """`--runs`, or a range of the history: where runs to accept come from; the command gets it as `sources`."""

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        from chamiperf_ci.steps.baselines.candidates import Sources  # noqa: PLC0415 - keeps `chamiperf --help` fast

        store, places, which = (values.pop(name) for name in ("history", "runs", "which"))
        return command(sources=Sources(places, store, which), **values)

    return click.option(
        "--runs",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Run file, or folder of run files; repeatable. Or name a range of the history.",
    )(range_options(history_options(collect)))


_SECRET_VARIABLES: Final = {
    CredentialKind.INTERNAL_TOKEN: "CHAMICORE_INTERNAL_TOKEN",
    CredentialKind.BEARER: "CHAMICORE_TOKEN",
    CredentialKind.CLIENT_CREDENTIALS: "CHAMIPERF_CLIENT_SECRET",
}


def target_options(command: Command) -> Command:
    """Add the options that name a target; the command gets them as `given`, a TargetOptions."""

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        mine = {name: values.pop(name) for name in _TARGET_OPTIONS}
        return command(given=_given(mine, click.get_current_context()), **values)

    decorated: Command = collect
    for said, how in reversed(_TARGET_OPTIONS.values()):
        decorated = click.option(f"--{said.option}", envvar=said.variable, show_envvar=True, help=said.help, **how)(
            decorated
        )
    return decorated


def _settings() -> Iterator[tuple[Setting, dict[str, Any]]]:
    """The options of a target, by the fields of its models; each with what click needs beside."""
    yield (
        Setting("target", "CHAMIPERF_TARGET", "NAME", "A target of chamiperf.toml, or `embedded`."),
        {"metavar": "NAME"},
    )
    yield (
        Setting(
            "config",
            "CHAMIPERF_CONFIG",
            "FILE",
            "The file with named targets and allowed hosts; default chamiperf.toml.",
        ),
        {"metavar": "FILE", "type": _FILE},
    )
    for service, variable in URL_VARIABLES.items():
        yield Setting(f"{service}-url", variable, "URL", f"Base URL of {service}."), {"metavar": "URL"}
    for field in TargetEntry.model_fields.values():
        for said in field.metadata:
            if not isinstance(said, Setting):
                continue
            how: dict[str, Any] = {"metavar": said.metavar} if said.metavar else {}
            if said.metavar == "FILE":
                how["type"] = _FILE
            elif field.annotation is bool:
                how["is_flag"] = True
            elif not said.metavar:
                several = field.default == ()
                how |= {"type": click.Choice([str(each) for each in (Service if several else CredentialKind)])}
                how |= {"multiple": True} if several else {}
            yield said, how


_TARGET_OPTIONS: Final = {said.option.replace("-", "_"): (said, how) for said, how in _settings()}


def _given(values: Mapping[str, Any], context: click.Context) -> TargetOptions:
    """One typed object; a gateway on the command line hides service URLs that come from variables."""
    typed = {name for name in values if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    services = {service: f"{service.replace('-', '_')}_url" for service in Service}
    fields = {
        name: values[said.option.replace("-", "_")]
        for name, field in TargetEntry.model_fields.items()
        for said in field.metadata
        if isinstance(said, Setting)
    }
    return TargetOptions(
        **fields,
        name=values["target"],
        config=values["config"],
        services={
            service: values[name]
            for service, name in services.items()
            if values[name] is not None and ("gateway" not in typed or name in typed)
        },
        secrets={kind: found for kind in SECRET_FILES if (found := _secret(kind, values[SECRET_FILES[kind]]))},
    )


def _secret(kind: CredentialKind, file: Path | None) -> SecretStr | None:
    """A secret from the named file, else from its variable; an empty variable is none."""
    if file is not None:
        return read_secret(file, option=f"--{setting(SECRET_FILES[kind]).option}")
    variable = _SECRET_VARIABLES[kind]
    value = os.environ.get(variable, "")
    return check_secret(value, where=variable) if value else None


def github(to_do: str, remedy: str = "Put `GITHUB_TOKEN: ${{ github.token }}` under `env:` of the step.") -> "Api":
    """GitHub's API, with the token and at the address that the job's variables say.

    Args:
        to_do: What the token is wanted for, such as `to comment with`.
        remedy: Where there is no token.

    Raises:
        ConfigurationError: There is no token, or it or the address cannot be used.
    """
    from chamiperf_ci.adapters.github.api import connect  # noqa: PLC0415 - keeps `chamiperf --help` fast

    token = os.environ.get("GITHUB_TOKEN", "").strip()
    if not token:
        raise ConfigurationError(f"there is no token {to_do}", where="GITHUB_TOKEN", remedy=remedy)
    return connect(token, api_url=os.environ.get("GITHUB_API_URL") or "https://api.github.com")


def in_groups(
    groups: Mapping[str, Sequence[str]], *, first: Callable[..., None] | None = None, reads: Sequence[str] = ()
) -> type[click.Command]:
    """Return the class of a command whose help shows its options in groups, those of the target last.

    Args:
        groups: Title to the options' names without dashes, in the order in which they are shown. What is in none of
            them, and names no target, follows as `Other options`; without any group as `Options`.
        first: What is done before everything else, also where what was typed is refused.
        reads: The options that `first` gets, by name; None for one that was given and cannot be read.
    """

    class Grouped(click.Command):
        def make_context(
            self,
            info_name: str | None,
            args: list[str],
            parent: click.Context | None = None,
            **extra: Any,  # noqa: ANN401 - click's own
        ) -> click.Context:
            """As click's; `first` is called in any case, but where somebody only asked for help."""
            typed = list(args)
            try:
                context = super().make_context(info_name, args, parent, **extra)
            except (click.UsageError, ToolkitError):
                if first is not None and not {"-h", "--help"} & set(typed):
                    # What is refused already is refused for that, whatever else is wrong.
                    with contextlib.suppress(ToolkitError, ValueError):
                        first(**_leniently(self, reads, typed, info_name, parent))
                raise
            if first is not None:
                first(**{name: context.params[name] for name in reads})
            return context

        def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            """Write the groups."""
            named = {name: title for title, names in groups.items() for name in names}
            sections: dict[str, list[tuple[str, str]]] = {title: [] for title in (*groups, _OTHER, _TARGET)}
            for option in self.get_params(ctx):
                record = option.get_help_record(ctx)
                name = max(option.opts, key=len).lstrip("-")
                if record is not None:
                    of_target = option.name in _TARGET_OPTIONS and name not in named
                    sections[_TARGET if of_target else named.get(name, _OTHER)].append(record)
            for title, records in sections.items():
                if records:
                    with formatter.section(title if groups or title != _OTHER else "Options"):
                        formatter.write_dl(records)

    return Grouped


def _leniently(
    command: click.Command, names: Sequence[str], typed: list[str], info_name: str | None, parent: click.Context | None
) -> dict[str, Any]:
    """What was typed for some options, whatever is wrong with the others."""
    options = [copy.copy(option) for option in command.params if option.name in names]
    for option in options:
        option.callback = None
    settings = {"ignore_unknown_options": True, "allow_extra_args": True, "resilient_parsing": True}
    context = click.Command(command.name, params=options).make_context(info_name, typed, parent, **settings)
    return {name: context.params.get(name) for name in names}


_OTHER, _TARGET = "Other options", "The target, where chamiperf.toml does not say it"
