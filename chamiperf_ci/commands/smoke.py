"""`chamiperf smoke`: does each service work at all?"""

from pathlib import Path

import click

from chamiperf_ci.adapters import console
from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.adapters.k6 import StopRequest
from chamiperf_ci.cli import run, step_went_well
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.dialect import new_run_id
from chamiperf_ci.models.seed import Smoke
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.options import DURATION, Printed, in_groups, out_option, printed_options, target_options
from chamiperf_ci.render.text import Column, in_columns
from chamiperf_ci.steps.published import published
from chamiperf_ci.steps.smoke import smoke as check_stack
from chamiperf_ci.steps.targets import resolve


@click.command(cls=in_groups({}))
@target_options
@out_option
@printed_options
@click.option(
    "--deadline",
    type=DURATION,
    default="25s",
    show_default=True,
    envvar="CHAMIPERF_SMOKE_DEADLINE",
    show_envvar=True,
    help="Longest duration of the whole test, cleanup included, even if a service hangs.",
)
def smoke(given: TargetOptions, out: Path, deadline: float, printed: Printed) -> ExitCode:
    """Check that each configured service works: one happy path each, in parallel.

    Creates one node and removes it again. Writes smoke.json. Exits 1 if a check fails.
    """
    target = resolve(given)
    retry = RetryPolicy(timeout_s=min(5.0, deadline / 4), retries=1)
    with StopRequest() as stop, Chamicore(target, retry=retry) as client:
        outcome = check_stack(client, run_id=new_run_id("s"), deadline_s=deadline, stop=stop)
    write_document(out / "smoke.json", outcome.document)
    printed.hand_over(outcome.document)
    if printed.form == "text":
        click.echo(table(outcome.document))
    click.echo(conclusion(outcome.document), err=printed.form != "sentence")
    if outcome.document.ok:
        asked = sum(check.outcome != "skipped" for check in outcome.document.checks)
        step_went_well(f"smoke {asked}/{asked}")
    else:
        text = f"{table(outcome.document)}\n\n{conclusion(outcome.document)}"
        console.show_in_summary("Smoke test", published(text, environment=target.environment))
    console.publish({"smoke-path": str(out / "smoke.json")})
    if outcome.refused is not None:
        raise outcome.refused
    return ExitCode.OK if outcome.document.ok else ExitCode.VERDICT_NO


_COLUMNS = (
    Column("service"),
    Column("operation", wraps=True),
    Column("outcome"),
    Column("ms", right=True),
    Column("problem", wraps=True),
)


def table(document: Smoke) -> str:
    """One row a check, in the order of the checks."""
    rows = [
        (check.service, check.operation, check.outcome, f"{check.duration_ms:.1f}", check.problem)
        for check in document.checks
    ]
    return in_columns(_COLUMNS, rows)


def conclusion(document: Smoke) -> str:
    """One sentence, then one line for each thing left behind and each warning."""
    outcomes = [check.outcome for check in document.checks]
    counts = ", ".join(f"{outcomes.count(each)} {each}" for each in ("ok", "failed", "skipped") if each in outcomes)
    verdict = "works" if document.ok else "does not work"
    lines = [f"{document.environment} {verdict}: {counts}; {document.seconds:.1f} s"]
    lines += [f"left behind: {each}" for each in document.left_behind]
    lines += [f"warning: {each}" for each in document.warnings]
    return "\n".join(lines)


if __name__ == "__main__":
    run(smoke)
