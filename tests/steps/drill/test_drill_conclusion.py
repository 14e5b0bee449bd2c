import pytest
from made_drill_documents import made_drill
from made_runs import made_fingerprint

from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.drill import DrillEffect, DrillRow
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.render.tables import drill_sentence
from chamiperf_ci.steps.drill.judge import conclude


def effect(size, comparisons, caught):
    return DrillEffect(
        effect=size, comparisons=comparisons, suspected=caught, caught=caught, missed=comparisons - caught
    )


def row(metric, smallest):
    key = RowKey(scenario="boot_storm", endpoint="bootscript", metric=metric)
    return DrillRow(key=key, spread=0.01, smallest_suspected=smallest + 0.1, smallest_confirmed=smallest)


ROWS = (row("p50", 0.21), row("p99", 0.08))


def ended(*, unchanged=(1, 0), largest=(3, 3)):
    return conclude(effect(0.0, *unchanged), [effect(0.05, 3, 0), effect(0.4, *largest)])


def sentence(*, unchanged=(1, 0), largest=(3, 3), **changes):
    effects = (effect(0.05, 3, 0), effect(0.4, *largest))
    fingerprint = made_fingerprint(environment="lab")
    drill = made_drill(unchanged=effect(0.0, *unchanged), effects=effects, rows=ROWS, fingerprint=fingerprint)
    return drill_sentence(drill.model_copy(update=changes))


@pytest.mark.parametrize(
    ("largest", "unchanged", "code"),
    [
        ((20, 16), (20, 0), ExitCode.OK),
        ((20, 15), (20, 0), ExitCode.VERDICT_NO),
        ((1, 1), (1, 0), ExitCode.OK),
        ((1, 0), (1, 0), ExitCode.VERDICT_NO),
        ((20, 20), (20, 1), ExitCode.VERDICT_NO),
        ((0, 0), (1, 0), ExitCode.INVALID),
        ((1, 1), (0, 0), ExitCode.INVALID),
    ],
)
def test_the_exit_code_asks_for_the_largest_slow_down_and_for_no_false_alarm(largest, unchanged, code):
    assert ended(largest=largest, unchanged=unchanged)[1] is code


def test_the_sentence_says_what_the_best_row_sees_where_and_when():
    assert sentence() == (
        "This gate detects slow-downs from 8 % on bootscript p99, measured on 2026-11-24 in lab. Of 3 injected "
        "slow-downs of 40 % it caught 3. In 1 comparison of unchanged code it called 0 regressions."
    )


def test_a_computed_power_is_never_called_injected():
    assert "computed slow-downs (none was injected)" in sentence(method="computed")


def test_what_is_missing_is_named_where_nothing_is_proved():
    assert "no comparison of +40 %" in sentence(largest=(0, 0))
