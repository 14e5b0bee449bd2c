"""`chamiperf stack`: start, find, disturb and stop the embedded stack."""

import json
import os
import secrets
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from chamicore_standin import faulting, lifecycle
from chamicore_standin.catalogue import read_state
from chamicore_standin.postgres import DSN_VARIABLE
from chamiperf_ci.cli import print_wrapped, run, step_went_well
from chamiperf_ci.errors import ConfigurationError, ExitCode
from chamiperf_ci.models import faults
from chamiperf_ci.models.faults import Fault
from chamiperf_ci.models.target import StackOptions, StackState, default_state_dir
from chamiperf_ci.options import Printed, json_option

state_dir_option = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="CHAMIPERF_STATE_DIR",
    show_envvar=True,
    help="Folder with the stack's files.  [default: chamiperf/stack in the user's runtime or cache folder]",
)


@click.group()
def stack() -> None:
    """The embedded stack: stand-ins for the Chamicore services, on loopback."""


@stack.command()
@state_dir_option
@click.option(
    "--ports",
    type=click.Choice(["contract", "ephemeral"]),
    default="contract",
    show_default=True,
    help="Chamicore's own ports, or any free ones.",
)
@click.option("--tls", is_flag=True, help="Serve over TLS, with a private CA made for this stack.")
@click.option(
    "--workers", type=click.IntRange(1, 16), default=1, show_default=True, help="Processes of BSS and Cloud-Init."
)
@click.option(
    "--service-time-ms",
    type=click.FloatRange(0, 10_000),
    default=0.0,
    show_default=True,
    help="Median time spent on a boot script or cloud-init document, ms; part of the sizing.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of everything random in the stack.")
@click.option(
    "--sync-interval",
    "sync_interval_s",
    type=click.FloatRange(0.05, 3600),
    default=30.0,
    show_default=True,
    help="Seconds between two syncs from SMD.",
)
@click.option(
    "--sync-delay",
    "sync_delay_s",
    type=click.FloatRange(0, 600),
    default=0.0,
    show_default=True,
    help="Seconds between what a sync read and its taking effect.",
)
@click.option("--auto-rows", is_flag=True, help="Syncs create empty boot parameters and payloads for what SMD has.")
@click.option("--delete-orphans", is_flag=True, help="Syncs delete rows whose component is gone from SMD.")
@click.option("--truncate-sync", is_flag=True, help="Syncs read one page of 10,000 and take it for everything.")
@click.option(
    "--page-clamp", type=click.IntRange(1, 10_000), default=10_000, show_default=True, help="Longest page of a list."
)
@click.option("--bulk", is_flag=True, help="Offer the bulk route of SMD's components.")
@click.option("--dev-mode", is_flag=True, help="Switch authentication off, as Chamicore's local setup does.")
@click.option(
    "--kea-style",
    type=click.Choice(["shim", "stock"]),
    default="shim",
    show_default=True,
    help="Dialect of the Kea control endpoint.",
)
@click.option("--gateway", is_flag=True, help="Serve everything behind one port too.")
@click.option("--no-metrics", is_flag=True, help="Leave /metrics out.")
@click.option("--without", multiple=True, metavar="SERVICE", help="Leave a service out; may be repeated.")
@click.option(
    "--token-lifetime",
    "token_lifetime_s",
    type=click.FloatRange(0, min_open=True),
    default=1800.0,
    show_default=True,
    help="Seconds for which an issued token is good.",
)
@click.option(
    "--password-cost",
    type=click.IntRange(4, 16),
    default=12,
    show_default=True,
    help="Rounds of client-secret hashing, as a power of two.",
)
@click.option(
    "--database",
    type=click.Choice(["sqlite", "postgres"]),
    default="sqlite",
    show_default=True,
    help="A file for each service, or one PostgreSQL with a schema for each.",
)
@click.option(
    "--database-connections",
    type=click.IntRange(1, 200),
    default=20,
    show_default=True,
    help="Limit of each service's pool of connections to PostgreSQL.",
)
@click.option("--keep-data", is_flag=True, help="Start on the data that `down --keep-data` left.")
@click.option(
    "--env-file", type=click.Path(path_type=Path, dir_okay=False), help="Write the variables there (mode 0600)."
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["env", "json"]),
    default="env",
    show_default=True,
    help="Lines for `eval`, or the stack's state and its variables as JSON.",
)
def up(
    state_dir: Path | None,
    *,
    keep_data: bool,
    env_file: Path | None,
    shape: str,
    no_metrics: bool,
    without: tuple[str, ...],
    **sizing: Any,  # noqa: ANN401 - click's own values, checked by the model
) -> ExitCode:
    """Start a stack, wait until it is ready, and print how to reach it.

    The internal token is read from CHAMICORE_INTERNAL_TOKEN, or made up. With --database postgres, a private server is
    started from the binaries on this machine, unless CHAMIPERF_STACK_POSTGRES_DSN names one.
    """
    options = StackOptions(metrics=not no_metrics, without=without, **sizing)
    token = os.environ.get(lifecycle.TOKEN_VARIABLE) or None
    dsn = os.environ.get(DSN_VARIABLE) or None
    state = lifecycle.up(options, state_dir=state_dir, internal_token=token, postgres_dsn=dsn, keep_data=keep_data)
    print_wrapped(f"embedded stack up: {_summary(state)}", err=True)
    step_went_well(f"stack {len(state.services)} services")
    _hand_over(state, env_file, shape)
    return ExitCode.OK


@stack.command()
@state_dir_option
@json_option()
def restart(state_dir: Path | None, printed: Printed) -> ExitCode:
    """Stop every process and start them again: same ports, same data, same faults."""
    state = lifecycle.restart(state_dir)
    printed.hand_over({"state": state, "environment": lifecycle.environment(state)})
    print_wrapped(f"embedded stack up again: {_summary(state)}", err=True)
    return ExitCode.OK


@stack.command()
@state_dir_option
@click.option("--keep-data", is_flag=True, help="Leave the databases, for `up --keep-data`.")
@json_option()
def down(state_dir: Path | None, printed: Printed, *, keep_data: bool) -> ExitCode:
    """Stop the stack and leave no process and no file."""
    was_there = lifecycle.down(state_dir, keep_data=keep_data)
    printed.hand_over({"was_there": was_there})
    click.echo("embedded stack down" if was_there else "no embedded stack was there", err=True)
    return ExitCode.OK


@stack.command()
@state_dir_option
@click.option(
    "--format", "shape", type=click.Choice(["table", "env", "json"]), default="table", show_default=True, help="Shape."
)
def status(state_dir: Path | None, shape: str) -> ExitCode:
    """Show what runs: services, processes, faults. Exit code 2 if nothing does."""
    folder = state_dir or default_state_dir()
    state = read_state(folder)
    if state is not None and not state.is_up():
        raise ConfigurationError(
            "an embedded stack was here and was killed",
            where=str(folder),
            remedy="`chamiperf stack up` or `chamiperf stack down` clears what it left.",
        )
    state = lifecycle.found(folder)
    if shape != "table":
        _hand_over(state, None, shape)
        return ExitCode.OK
    click.echo(f"embedded stack {state.version} ({state.commit}), up since {state.started_at}, in {state.state_dir}")
    print_wrapped(f"sizing: {state.sizing}")
    for service in state.services:
        running = sum(each.is_running() for each in service.processes)
        click.echo(f"  {service.name:<11} {service.url:<26} {running} of {len(service.processes)} processes run")
    for fault in _listed(state, reveal=False):
        click.echo(f"  fault {fault}")
    return ExitCode.OK


@stack.group()
def fault() -> None:
    """Break the stack on purpose, at run time."""


def _fault_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """One option per kind of fault, and those that describe it further."""
    for option in reversed(
        (
            click.option("--service", required=True, help="Service, or `*` for all."),
            click.option("--route", default="*", show_default=True, help="Route, such as bootscript; `*` for all."),
            click.option("--latency-ms", type=click.FloatRange(0), help="Delay of each request, ms."),
            click.option("--latency-jitter-ms", type=click.FloatRange(0), default=0.0, help="Its standard deviation."),
            click.option(
                "--layer",
                type=click.Choice(["front", "service", "database"]),
                default="service",
                show_default=True,
                help="Where the latency lies.",
            ),
            click.option(
                "--error-rate", type=click.FloatRange(0, 1, min_open=True), help="Share of requests that fail."
            ),
            click.option(
                "--error-kind",
                type=click.Choice(["503", "500", "429", "reset"]),
                default="503",
                show_default=True,
                help="How they fail.",
            ),
            click.option("--retry-after", "retry_after_s", type=click.IntRange(0), help="Retry-After of errors, s."),
            click.option(
                "--stall", "stall_s", type=click.FloatRange(0, min_open=True), help="Hold requests for so many s."
            ),
            click.option(
                "--stall-every",
                "stall_every_s",
                type=click.FloatRange(0.1),
                default=10.0,
                show_default=True,
                help="... every s.",
            ),
            click.option(
                "--readiness-down",
                "readiness_down_s",
                type=click.FloatRange(0, min_open=True),
                help="503 on /readiness for so many s.",
            ),
            click.option(
                "--slow-start",
                "slow_start_s",
                type=click.FloatRange(0, min_open=True),
                help="Seconds until ready, from the next restart on.",
            ),
            click.option(
                "--leak", "leak_mb_per_s", type=click.FloatRange(0, 100, min_open=True), help="Memory leaked, MB/s."
            ),
            click.option(
                "--pool-exhaustion",
                "pool_wait_ms",
                type=click.FloatRange(0),
                help="Pool in use; wait so many ms for a connection.",
            ),
            click.option("--drop-index", "index", metavar="NAME", help="Drop an index (PostgreSQL)."),
            click.option(
                "--swap-scripts",
                "swapped_share",
                type=click.FloatRange(0, 1, min_open=True),
                help="Share of scripts or user-data that are another node's.",
            ),
            click.option("--lose-sync", "lost", type=click.IntRange(0), help="Lose so many nodes' data."),
            click.option(
                "--lose-sync-random",
                "lost_between",
                metavar="LOW..HIGH",
                help="Lose a number of nodes that only the stack knows.",
            ),
            click.option("--sync-stop", is_flag=True, help="Stop the sync loop."),
            click.option(
                "--metrics-missing",
                "missing",
                multiple=True,
                metavar="FAMILY",
                help="Leave a metric family out; `*` for all.",
            ),
            click.option(
                "--metric-label-style",
                "style",
                type=click.Choice(["short", "http", "semconv", "code"]),
                help="Spelling of metric labels.",
            ),
            click.option("--kea-stop", is_flag=True, help="The DHCP server behind Kea's control endpoint is down."),
        )
    ):
        command = option(command)
    return command


# Which faults a command line asks for: one option starts a fault, others describe it further.

FaultOptions = Mapping[str, Any]


def _lose_sync(given: FaultOptions) -> Fault:
    """A loss of a number of nodes, or of a number drawn between two (`0..200`, both included) that nobody is told."""
    seed, between = secrets.randbelow(1 << 32), given["lost_between"]
    if between is None:
        return faults.LoseSync(service=given["service"], count=given["lost"], seed=seed)
    low, _, high = between.partition("..")
    if not (low.isdecimal() and high.isdecimal() and int(low) <= int(high)):
        raise ConfigurationError(f"not a range: {between}", where="--lose-sync-random", remedy="Write it like 0..200.")
    drawn = int(low) + secrets.randbelow(int(high) - int(low) + 1)
    return faults.LoseSync(service=given["service"], count=drawn, seed=seed, secret=True)


def _recipe(kind: Callable[..., Fault], **fields: str) -> Callable[[FaultOptions], Fault]:
    """A fault whose fields are taken from options: field -> option."""
    return lambda given: kind(
        service=given["service"], route=given["route"], **{field: given[option] for field, option in fields.items()}
    )


_RECIPES: tuple[tuple[str, Callable[[FaultOptions], Fault]], ...] = (
    ("latency_ms", _recipe(faults.Latency, latency_ms="latency_ms", jitter_ms="latency_jitter_ms", layer="layer")),
    ("error_rate", _recipe(faults.Errors, rate="error_rate", error="error_kind", retry_after_s="retry_after_s")),
    ("stall_s", _recipe(faults.Stall, stall_s="stall_s", every_s="stall_every_s")),
    ("readiness_down_s", _recipe(faults.ReadinessDown, seconds="readiness_down_s")),
    ("slow_start_s", _recipe(faults.SlowStart, seconds="slow_start_s")),
    ("leak_mb_per_s", _recipe(faults.Leak, mb_per_s="leak_mb_per_s")),
    ("pool_wait_ms", _recipe(faults.PoolExhaustion, wait_ms="pool_wait_ms")),
    ("index", _recipe(faults.DropIndex, index="index")),
    ("swapped_share", _recipe(faults.SwapScripts, share="swapped_share")),
    ("lost", _lose_sync),
    ("lost_between", _lose_sync),
    ("sync_stop", _recipe(faults.SyncStop)),
    ("missing", _recipe(faults.MetricsMissing, families="missing")),
    ("style", _recipe(faults.MetricLabelStyle, style="style")),
    ("kea_stop", _recipe(faults.KeaStop)),
)
"""The option that asks for a fault, and how the fault is made."""


def _faults_of(given: FaultOptions) -> list[Fault]:
    """The faults that a command line names.

    Raises:
        ConfigurationError: It names none, or one that makes no sense.
    """
    wanted = [make(given) for option, make in _RECIPES if given[option] not in (None, False, ())]
    if not wanted:
        raise ConfigurationError(
            "no fault was named", where="stack fault set", remedy="Give one, such as --latency-ms 80."
        )
    return wanted


@fault.command("set")
@state_dir_option
@_fault_options
@json_option(what="the faults as JSON")
def set_(state_dir: Path | None, printed: Printed, **given: Any) -> ExitCode:  # noqa: ANN401 - click's own values
    """Set faults; each stays until it is cleared, even after a restart. Prints their IDs."""
    state = lifecycle.found(state_dir)
    done = []
    for each in _faults_of(given):
        done.append(faulting.set_fault(state, each))
        printed.hand_over(done)
        click.echo(done[-1].id)
    return ExitCode.OK


@fault.command("list")
@state_dir_option
@click.option("--reveal", is_flag=True, help="Show what only the stack knows, such as how many nodes were lost.")
@json_option(what="one JSON array")
def list_(state_dir: Path | None, printed: Printed, *, reveal: bool) -> ExitCode:
    """List the faults that are set, one JSON object a line."""
    lines = _listed(lifecycle.found(state_dir), reveal=reveal)
    printed.hand_over([json.loads(line) for line in lines])
    for line in lines:
        click.echo(line)
    return ExitCode.OK


fault.add_command(list_, "show")


@fault.command("clear")
@state_dir_option
@click.option("--id", "ident", help="Only this one.")
@json_option()
def clear(state_dir: Path | None, ident: str | None, printed: Printed) -> ExitCode:
    """Clear faults: all, or the one with --id."""
    count = faulting.clear_faults(lifecycle.found(state_dir), ident)
    printed.hand_over({"cleared": count})
    click.echo(f"{count} fault(s) cleared", err=True)
    return ExitCode.OK


def _listed(state: StackState, *, reveal: bool) -> list[str]:

    return [faults.described(each, reveal=reveal) for each in faulting.list_faults(state)]


def _summary(state: StackState) -> str:
    return f"{', '.join(service.name for service in state.services)} ({state.sizing})"


def _hand_over(state: StackState, env_file: Path | None, shape: str) -> None:
    """Say how to reach the stack: on standard output, or in a file that only its owner reads."""
    variables = lifecycle.environment(state)
    if shape == "json":
        click.echo(json.dumps({"state": state.model_dump(), "environment": variables}, indent=1))
        return
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    if env_file is None:
        click.echo(lines, nl=False)
        return
    try:
        env_file.touch(mode=0o600)
        env_file.chmod(0o600)
        env_file.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the variables cannot be written: {error.strerror}", where=str(env_file), remedy="Give another --env-file."
        ) from None


if __name__ == "__main__":
    run(stack)
