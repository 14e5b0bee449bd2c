"""Which part of a history a command reads: environment, scenarios, days; and runs named by file or by such a range."""

import functools
from pathlib import Path
from typing import Any, Final

import click

from chamiperf_ci.options.command import Command
from chamiperf_ci.options.files import history_options

_DAY: Final = click.DateTime(["%Y-%m-%d"])


def range_options(command: Command) -> Command:
    """`--environment`, `--scenario`, `--since`, `--until`: the command gets them as `which`.

    It reads nights, unless it has an option `kinds` of its own, which goes into `which` too.
    """

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        from chamiperf_ci.models.run import RunKind  # noqa: PLC0415 - keeps `chamiperf --help` fast
        from chamiperf_ci.steps.kept_runs import wanted  # noqa: PLC0415

        kinds = values.pop("kinds", (RunKind.NIGHT,))
        days = {name: values.pop(name) for name in ("since", "until")}
        return command(which=wanted(values.pop("environment"), values.pop("scenarios"), kinds, **days), **values)

    decorated: Command = collect
    for option in (
        click.option("--until", type=_DAY, help="Of the history: the first day (UTC) that is not wanted any more."),
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
        from chamiperf_ci.steps.baselines.sources import Sources  # noqa: PLC0415 - keeps `chamiperf --help` fast

        store, places, which = (values.pop(name) for name in ("history", "runs", "which"))
        return command(sources=Sources(places, store, which), **values)

    return click.option(
        "--runs",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Run file, or folder of run files; repeatable. Or name a range of the history.",
    )(range_options(history_options(collect)))
