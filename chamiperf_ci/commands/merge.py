"""`chamiperf merge`: one run of what several machines have measured of a load."""

from pathlib import Path

import click

from chamiperf_ci.adapters import console
from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import Printed, in_groups, json_option, out_option


def _forget_older(*, out: Path, paths: tuple[Path, ...] | None) -> None:
    from chamiperf_ci.steps.load.gather import forget_older  # noqa: PLC0415 - keeps `merge --help` fast

    # What was mistyped stands among them.
    forget_older(out, list(filter(Path.exists, paths or ())) or [out / "shards"])


@click.command(cls=in_groups({}, first=_forget_older, reads=("out", "paths")))
@out_option
@json_option(what="the runs as JSON")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def merge(paths: tuple[Path, ...], out: Path, printed: Printed) -> ExitCode:
    """Put together what `load --shard` left on several machines.

    PATHS are its files, or folders with them; without any, shards/ in --out. Writes runs/SCENARIO.json, one file a
    scenario. A shard that is missing, late, of another plan or off the clock leaves a run that cannot be judged: the
    file names it, and the command exits 3. What the shards left is kept.
    """
    from chamiperf_ci.steps.load.drive import describe  # noqa: PLC0415 - keeps `merge --help` fast
    from chamiperf_ci.steps.load.gather import by_scenario, read_shards, write_run  # noqa: PLC0415 - as above

    console.publish({"runs-path": str(out / "runs")})
    runs = []
    for scenario, shards in by_scenario(read_shards(paths or (out / "shards",))):
        found, path = write_run(shards, out)
        runs.append(found)
        printed.hand_over(runs)
        word = "measured" if found.valid else "invalid"
        click.echo(f"{scenario}: {word}, {path}; {describe(found)}")
    return ExitCode.OK if all(run.valid for run in runs) else ExitCode.INVALID


if __name__ == "__main__":
    run(merge)
