"""`chamiperf k8s`: a load that the k6 operator spreads over a cluster, from its manifest to its run."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chamiperf_ci.cli import run as run_command
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import DURATION, Printed, in_groups, json_option, out_option, target_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from chamiperf_ci.steps.k8s import Runners
    from chamiperf_ci.steps.load.request import LoadOptions

_IMAGE = "grafana/k6:1.1.0"
_SLACK_S = 900.0


def _load_options(command: "Callable[..., Any]") -> "Callable[..., Any]":
    """What `render` and `run` have in common."""
    for option in reversed(
        (
            click.option("--scenario", default="boot_storm", show_default=True, metavar="NAME", help="What to drive."),
            click.option("--profile", default="full", show_default=True, help="Load shapes: demo, quick, full, soak."),
            click.option(
                "--kind", type=click.Choice(["night", "quick"]), default="quick", show_default=True,
                help="What the run is for; only nights count for drift and as candidates for a baseline.",
            ),
            click.option(
                "--seed-file", type=click.Path(path_type=Path), help="The stack's seed file.  [default: seed.json]"
            ),
            click.option("--runners", type=click.IntRange(1, 200), default=3, show_default=True, help="Runners."),
            click.option("--cores", type=click.FloatRange(0.1), default=2.0, show_default=True, help="Cores of each."),
            click.option("--image", default=_IMAGE, show_default=True, help="Their image; an exact version of k6."),
            click.option("--secret", metavar="NAME", help="The cluster's secret with the credential's variables."),
            click.option("--name", required=True, help="Name of the TestRun; a new one for each run."),
            click.option("--namespace", default="default", show_default=True, help="Where it runs."),
            click.option("--spread", is_flag=True, help="One runner a host."),
            click.option(
                "--volume", metavar="CLAIM",
                help="A claim for a volume that all runners can write (ReadWriteMany): each leaves its summary there "
                "as well, for `collect --logs`.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return target_options(out_option(command))


def _cluster_options(command: "Callable[..., Any]") -> "Callable[..., Any]":
    """How the cluster is found."""
    command = click.option("--context", help="Of the kubeconfig.  [default: the current one]")(command)
    return click.option("--kubeconfig", type=click.Path(path_type=Path), help="To reach the cluster by.")(command)


@click.group()
def k8s() -> None:
    """Spread a load over a cluster by the k6 operator.

    Seed the stack first. Nothing of this was ever run on a real cluster: see docs/scale.md.
    """


@k8s.command()
@_load_options
@json_option("yaml", what="one JSON array")
def render(printed: Printed, **options: Any) -> ExitCode:  # noqa: ANN401 - click's own types
    """Print the manifests as YAML, to be committed or applied; `collect` needs what is kept in --out."""
    import yaml  # noqa: PLC0415 - comes with the extra `k8s`

    from chamiperf_ci.steps.k8s import prepare  # noqa: PLC0415 - keeps `--help` fast

    _, made = prepare(*_given(options))
    printed.hand_over(made)
    # Through JSON, so that what stands in two places is written twice and not as an alias.
    click.echo(yaml.safe_dump_all(json.loads(json.dumps(made)), sort_keys=False, allow_unicode=True), nl=False)
    return ExitCode.OK


def _forget_older(*, out: Path, scenario: str | None) -> None:
    from chamiperf_ci.steps.load.request import forget  # noqa: PLC0415 - keeps `--help` fast

    forget(out, [scenario or ""])


@k8s.command(cls=in_groups({}, first=_forget_older, reads=("out", "scenario")))
@_load_options
@_cluster_options
@click.option(
    "--lead",
    type=DURATION,
    default="3m",
    show_default=True,
    help="From now until all runners begin: they are scheduled, pull the image and make their VUs.",
)
@click.option("--within", type=DURATION, help="Give up waiting after.  [default: the plan's duration and 15 minutes]")
@json_option(what="the run as JSON")
def run(
    kubeconfig: Path | None, context: str | None, lead: float, within: float | None, printed: Printed,
    **options: Any,  # noqa: ANN401 - click's own types
) -> ExitCode:  # fmt: skip
    """Create the TestRun, wait for its end, and collect it into runs/SCENARIO.json.

    Exits 3 when the run cannot be judged, 4 when the cluster refuses.
    """
    from chamiperf_ci.adapters.k6 import StopRequest  # noqa: PLC0415 - keeps `--help` fast
    from chamiperf_ci.adapters.kubernetes import Kubernetes  # noqa: PLC0415 - as above
    from chamiperf_ci.steps.k8s import Watch, drive, prepare  # noqa: PLC0415 - as above

    cluster = Kubernetes(kubeconfig, context)
    load, runners = _given(options, start_at=time.time() + lead)
    plan, made = prepare(load, runners)
    with StopRequest() as stop:
        watch = Watch(stop, click.echo, within or lead + plan.longest_s + _SLACK_S, time.time)
        found = drive(cluster, made, out=load.out, watch=watch)
    printed.hand_over(found)
    return ExitCode.OK if found.valid else ExitCode.INVALID


@k8s.command()
@out_option
@_cluster_options
@click.option("--name", required=True, help="Of the TestRun.")
@click.option("--namespace", default="default", show_default=True, help="Where it ran.")
@click.option(
    "--logs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with the runners' logs, NAME-1.log and so on, or the volume of --volume, in place of the cluster.",
)
@json_option(what="the run as JSON")
def collect(
    out: Path,
    printed: Printed,
    *,
    kubeconfig: Path | None,
    context: str | None,
    name: str,
    namespace: str,
    logs: Path | None,
) -> ExitCode:
    """Make one run of what the runners of a TestRun left in their logs.

    Exits 3 when one of them left nothing that can be trusted: the file names it.
    """
    from chamiperf_ci.adapters.kubernetes import Kubernetes  # noqa: PLC0415 - keeps `--help` fast
    from chamiperf_ci.steps import k8s as step  # noqa: PLC0415 - as above

    ends = step.in_folder(logs, name) if logs else Kubernetes(kubeconfig, context).runners(namespace, name)
    found = step.collect(out, name, ends, click.echo)
    printed.hand_over(found)
    return ExitCode.OK if found.valid else ExitCode.INVALID


def _given(options: dict[str, Any], *, start_at: float | None = None) -> "tuple[LoadOptions, Runners]":
    from chamiperf_ci.models.run import RunKind  # noqa: PLC0415 - keeps `--help` fast
    from chamiperf_ci.steps.k8s import Runners  # noqa: PLC0415 - as above
    from chamiperf_ci.steps.load.request import LoadOptions  # noqa: PLC0415 - as above

    load = LoadOptions(
        target=options["given"], out=options["out"], scenarios=(options["scenario"],), profile=options["profile"],
        kind=RunKind(options["kind"]), seed_file=options["seed_file"],
    )  # fmt: skip
    runners = Runners(
        name=options["name"], namespace=options["namespace"], count=options["runners"], image=options["image"],
        cores=options["cores"], secret=options["secret"], start_at=start_at, spread=options["spread"],
        volume=options["volume"],
    )  # fmt: skip
    return load, runners


if __name__ == "__main__":
    run_command(k8s)
