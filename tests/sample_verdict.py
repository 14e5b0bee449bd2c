"""A small verdict, whole and valid, for tests that need any verdict at all."""

from chamiperf_ci.adapters.files import dumps
from chamiperf_ci.models.target import CredentialKind, Fingerprint, Machine, StackKind
from chamiperf_ci.models.verdict import Counts, Outcome, Row, RowKey, ScenarioOutcome, TargetResult, Verdict
from chamiperf_ci.models.vocabulary import Direction, RowReason, RowVerdict, Statistic, TargetVerdict


def a_fingerprint(**changes):
    """The circumstances of a run on the embedded stack."""
    return Fingerprint(
        environment="staging", stack_kind=StackKind.EMBEDDED, stack_sizing="bss: workers 1", scenario="boot_storm",
        scenario_version=1, profile="demo", parameters={"vus": 200}, seeded={"components": 2000},
        machine_class="2c-4GiB", k6_version="1.1.0", credential=CredentialKind.INTERNAL_TOKEN, route="direct",
        tls="none", connections="keep", generator_on_target_host=True,
    ).model_copy(update=changes)  # fmt: skip


def a_row(**changes):
    """A row without a baseline, which is the least there can be."""
    return Row(
        key=RowKey(scenario="boot_storm", endpoint="bootscript", metric="p99"), unit="ms", direction=Direction.LOWER,
        statistic=Statistic.MEDIAN_OF_WINDOWS, verdict=RowVerdict.UNAVAILABLE, reason=RowReason.NO_BASELINE,
        baseline=None, baseline_runs=0, current=9.4, current_values=(9.4,),
        change=None, tolerance=0.2, target=TargetResult(verdict=TargetVerdict.NONE),
    ).model_copy(update=changes)  # fmt: skip


def a_verdict(**changes):
    """A night that is learning."""
    scenario = ScenarioOutcome(
        scenario="boot_storm", valid=True, reasons=(), problems=(), runs=("r1",), fingerprint=a_fingerprint(),
        machine=Machine(cores=2, memory_gib=4, cpu_model="x", kernel="6", load_average=0.1), identities=(),
        started_at="2026-11-24T02:00:00Z", learning_runs=1,
    )  # fmt: skip
    return Verdict(
        producer="chamiperf 0.1.0", environment="staging", self_test=True, stage="first look",
        outcome=Outcome(exit_code=0, word="learning"),
        counts=Counts(by_verdict={RowVerdict.UNAVAILABLE: 1}, targets_missed=0, targets_met=0, not_measured=0),
        scenarios=(scenario,), rows=(a_row(),), suspects=(), suspect_scenarios=(), baselines_digest="",
    ).model_copy(update=changes)  # fmt: skip


def as_json(verdict=None):
    """The verdict as the file holds it."""
    return dumps(a_verdict() if verdict is None else verdict)
