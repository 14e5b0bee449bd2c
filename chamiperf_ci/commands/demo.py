"""`chamiperf demo`: from nothing to a verdict on the embedded stack, with a slow-down planted and caught."""

from pathlib import Path

import click

from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import Printed, json_option


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out/demo"),
    show_default=True,
    help="Folder for everything the demo writes.",
)
@click.option("--nodes", type=click.IntRange(200, 50_000), default=2_000, show_default=True, help="Nodes to seed.")
@click.option(
    "--slow-down-ms",
    type=click.FloatRange(1, 80),
    default=6.0,
    show_default=True,
    help="Latency injected into the boot script of the slowed leg, ms; the service time is 8 ms.",
)
@click.option(
    "--slow",
    "slowed_legs",
    type=click.Choice(["slowed", "unchanged", "none"]),
    default="slowed",
    show_default=True,
    help="Leg that the slow-down is planted in; another choice must end in exit code 1, and tests watch that it does.",
)
@json_option(what="the verdicts of both legs as JSON")
def demo(out: Path, nodes: int, slow_down_ms: float, slowed_legs: str, printed: Printed) -> ExitCode:
    """From nothing to a verdict: the whole chain against the embedded stack, in about two minutes.

    Starts the stack, seeds it, smoke-tests it, records five runs as a baseline, judges three unchanged runs, slows the
    boot script down, judges three more, and stops the stack. Exit code 0: nothing was found in the unchanged leg and
    the slow-down was caught; 1: not so.
    """
    from chamiperf_ci.steps.demo import Demo  # noqa: PLC0415 - keeps `chamiperf --help` fast

    return Demo(
        out=out, nodes=nodes, slow_down_ms=slow_down_ms, slowed_leg=slowed_legs, document=printed.hand_over
    ).run()


if __name__ == "__main__":
    run(demo)
