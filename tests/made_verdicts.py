"""Verdicts made by hand: rows and scenarios with values that a test chooses, without a judgement behind them."""

from datetime import UTC, datetime
from typing import Any

from made_runs import made_fingerprint

from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.target import Identity, Machine
from chamiperf_ci.models.verdict import (
    Acknowledgement,
    Change,
    Counts,
    Fact,
    Outcome,
    Row,
    RowKey,
    ScenarioOutcome,
    Sensitivity,
    TargetResult,
    Verdict,
)
from chamiperf_ci.models.vocabulary import (
    Direction,
    FactWord,
    RowReason,
    RowVerdict,
    RunReason,
    Statistic,
    TargetVerdict,
)
from chamiperf_ci.steps.compare.judge import tally

NO_TARGET = TargetResult(verdict=TargetVerdict.NONE)
KNOWN = Acknowledgement(
    reason="index is being built", who="ada", link="https://tracker.example/7", expires="2026-06-01", extent=0.5
)


def made_change(ratio: float = 0.207, low: float = 0.082, high: float = 0.347, **changes: Any) -> Change:
    fields = {"d": abs(ratio), "se": 0.05, "nu": 16.7, "sigma": 0.06, "p_worse": 0.001, "p_better": 0.999}
    return Change(ratio=ratio, low=low, high=high, **({"detectable": 0.194} | fields | changes))


def made_target(verdict: TargetVerdict = TargetVerdict.MET, value: float = 99.0, **changes: Any) -> TargetResult:
    fields = {"limit": 100.0, "unit": "ms", "phase": "sustained", "source": "ADR-012"}
    return TargetResult(verdict=verdict, value=value, **(fields | changes))


def made_row(
    verdict: RowVerdict = RowVerdict.REGRESSION,
    reason: RowReason = RowReason.SLOWER_IN_ALL_RUNS,
    **changes: Any,
) -> Row:
    """A row of worked example 3 of verdict.md, unless told otherwise."""
    key = {name: changes.pop(name) for name in ("scenario", "endpoint", "metric", "phase") if name in changes}
    fields = {
        "key": RowKey(**({"scenario": "boot_storm", "endpoint": "bootscript", "metric": "p99"} | key)),
        "unit": "ms",
        "direction": Direction.LOWER,
        "statistic": Statistic.MEDIAN_OF_WINDOWS,
        "baseline": 82.0,
        "baseline_runs": 5,
        "baseline_values": (80.0, 84.0, 78.0, 82.0, 90.0),
        "current": 99.0,
        "current_values": (97.0, 101.0, 99.0),
        "change": made_change(),
        "tolerance": 0.2,
        "target": NO_TARGET,
    }
    return Row(verdict=verdict, reason=reason, **(fields | changes))


def made_scenario(scenario: str = "boot_storm", **changes: Any) -> ScenarioOutcome:
    fields = {
        "valid": True,
        "reasons": (),
        "problems": (),
        "runs": ("w1", "w2", "w3"),
        "fingerprint": made_fingerprint(scenario=scenario),
        "machine": Machine(cores=8, memory_gib=32, cpu_model="Model A", kernel="6.1", load_average=0.2),
        "identities": (Identity(service="bss", commit="9f8e7d6"),),
        "baseline_runs": 5,
        "baseline_oldest": "2026-03-02",
        "baseline_newest": "2026-03-06",
        "baseline_commits": ("bss 1a2b3c4",),
        "started_at": datetime(2026, 3, 22, 1, 17, tzinfo=UTC),
    }
    return ScenarioOutcome(scenario=scenario, **(fields | changes))


def made_verdict(rows: tuple[Row, ...], **changes: Any) -> Verdict:
    """A verdict around rows, its counts made of them."""
    scenarios = changes.pop("scenarios", (made_scenario(),))
    self_test = changes.pop("self_test", False)
    word = changes.pop("word", "regression")
    outcome = Outcome(
        exit_code=changes.pop("exit_code", 1),
        word=word,
        nothing_judged=changes.pop("nothing_judged", False),
        environment_nights=changes.pop("nights", None),
    )
    fields = {
        "producer": "chamiperf 0.1.0",
        "environment": "lab",
        "stage": "first look",
        "counts": Counts.model_validate(tally(rows)),
        "suspects": (),
        "suspect_scenarios": (),
        "baselines_digest": "0" * 64,
    }
    return Verdict(outcome=outcome, rows=rows, scenarios=scenarios, self_test=self_test, **(fields | changes))


def everything() -> Verdict:
    """A night in which everything happened once."""
    storm = "cloud_init_storm"
    rows = (
        made_row(target=made_target()),
        made_row(
            metric="p50",
            verdict=RowVerdict.PASS,
            reason=RowReason.WITHIN_TOLERANCE,
            current_values=(12.4,),
            baseline_values=(12.1, 12.3, 11.9, 12.0, 12.2),
            baseline=12.1,
            current=12.4,
            change=made_change(0.0248, -0.0519, 0.1077, d=0.0245, p_worse=0.2443),
            target=made_target(TargetVerdict.MISSED, 12.4, limit=10.0),
        ),
        made_row(
            metric="errors",
            unit="share",
            verdict=RowVerdict.PASS,
            reason=RowReason.WITHIN_TOLERANCE,
            change=None,
            baseline=0.0001,
            baseline_values=(0.0001, 0.0002),
            current=0.00015,
            current_values=(0.00015,),
            target=made_target(
                TargetVerdict.AT_THE_LIMIT, 0.00095, limit=0.001, unit="share", low=0.0009, high=0.00101
            ),
        ),
        made_row(
            metric="stalled-windows",
            unit="windows",
            verdict=RowVerdict.INCONCLUSIVE,
            reason=RowReason.SUSPECT_NOT_REPEATED,
            change=None,
            suspect=True,
            baseline=0.0,
            baseline_values=(0.0, 0.0, 1.0),
            current=3.0,
            current_values=(3.0,),
        ),
        made_row(
            metric="p95",
            verdict=RowVerdict.INCONCLUSIVE,
            reason=RowReason.NOISY,
            change=made_change(0.06, -0.09, 0.24, d=0.058, p_worse=0.2),
            current_values=(52.0,),
            current=52.0,
        ),
        made_row(
            endpoint="bss",
            metric="service throughput",
            unit="/s",
            direction=Direction.HIGHER,
            verdict=RowVerdict.UNAVAILABLE,
            reason=RowReason.NOT_COMPARED,
            change=None,
            baseline=None,
            baseline_runs=0,
            baseline_values=(),
            current=9_990.0,
            current_values=(9_990.0,),
            compared=False,
            offered=10_000.0,
            target=made_target(
                TargetVerdict.UNAVAILABLE,
                9_990.0,
                limit=10_000.0,
                unit="/s",
                bound="at least",
                reason=RowReason.NOT_OFFERED,
            ),
        ),
        made_row(
            scenario=storm,
            endpoint="user-data",
            metric="p99",
            verdict=RowVerdict.UNAVAILABLE,
            reason=RowReason.NOT_MEASURED,
            change=None,
            current=None,
            current_values=(),
        ),
        made_row(scenario=storm, endpoint="meta-data", metric="p99", acknowledged=KNOWN),
        made_row(
            scenario=storm,
            endpoint="vendor-data",
            metric="p99",
            verdict=RowVerdict.IMPROVEMENT,
            reason=RowReason.ONE_RUN,
            change=made_change(-0.3, -0.4, -0.2, d=-0.35, p_better=0.0001),
            current_values=(57.0,),
            current=57.0,
        ),
        made_row(
            scenario=storm,
            endpoint="meta-data",
            metric="p50 drift",
            verdict=RowVerdict.INCONCLUSIVE,
            reason=RowReason.DRIFT,
            compared=False,
            change=made_change(0.122, 0.03, 0.21, d=0.115),
            notes=(
                Fact(
                    word=FactWord.DRIFT_BEGAN,
                    values={"night": "2026-03-11", "before": "bss 1a2b3c4", "after": "bss 9f8e7d6"},
                ),
            ),
        ),
        made_row(
            scenario="auth_under_load",
            endpoint="token",
            metric="p99",
            verdict=RowVerdict.INVALID,
            reason=RowReason.RUN_INVALID,
            change=None,
            baseline_values=(),
            baseline=None,
            baseline_runs=0,
            current=31.0,
            current_values=(31.0,),
            target=made_target(TargetVerdict.INVALID, 31.0, reason=RowReason.RUN_INVALID),
        ),
    )
    scenarios = (
        made_scenario(
            repeated=2,
            back_to_back=True,
            warnings=(Fact(word=FactWord.RUN_WARNING, values={"text": "k6 said 3 times: something odd"}),),
        ),
        made_scenario(
            storm,
            baseline_runs=2,
            reported_differences=(
                Fact(word=FactWord.MACHINE_DIFFERS, values={"kernel": 0, "here": "A", "there": "B", "pairs": 0}),
            ),
        ),
        made_scenario(
            "auth_under_load",
            valid=False,
            reasons=(RunReason.GENERATOR_SATURATED,),
            problems=(RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %"),),
            baseline_runs=0,
        ),
    )
    return made_verdict(
        rows,
        scenarios=scenarios,
        stage="confirmed",
        confirmed_by="repeats",
        warnings=(
            Fact(word=FactWord.ACKNOWLEDGEMENT_OVER, values={"target": 0, "row": "boot_storm / bootscript p95"}),
        ),
        sensitivity=(
            Sensitivity(
                scenario="boot_storm",
                measured_on="2026-03-19",
                word="proved",
                endpoint="bootscript",
                metric="p50",
                smallest=0.08,
                effect=0.2,
                caught=3,
                comparisons=3,
                unchanged_comparisons=2,
            ),
        ),
    )
