"""`chamiperf merge`: one run of what several machines have measured of a load."""

from pathlib import Path

import click

from chamiperf_ci.adapters import actions
from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import out_option


@click.command
@out_option
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def merge(paths: tuple[Path, ...], out: Path) -> ExitCode:
    """Put together what `load --shard` left on several machines.

    PATHS are its files, or folders with them; without any, shards/ in --out. Writes runs/SCENARIO.json, one file a
    scenario. A shard that is missing, late, of another plan or off the clock leaves a run that cannot be judged: the
    file names it, and the command exits 3. What the shards left is kept.
    """
    from chamiperf_ci.steps.load.drive import describe  # noqa: PLC0415 - keeps `merge --help` fast
    from chamiperf_ci.steps.load.gather import by_scenario, read_shards, write_run  # noqa: PLC0415 - as above

    actions.publish({"runs-path": str(out / "runs")})
    valid = True
    for scenario, shards in by_scenario(read_shards(paths or (out / "shards",))):
        found, path = write_run(shards, out)
        valid = valid and found.valid
        word = "measured" if found.valid else "invalid"
        click.echo(f"{scenario}: {word}, {path}; {describe(found)}")
    return ExitCode.OK if valid else ExitCode.INVALID


if __name__ == "__main__":
    run(merge)
