"""The specification's sixteen worked examples (verdict.md section 12), to the last digit shown."""

from dataclasses import dataclass

import pytest

from chamiperf_ci.models.vocabulary import Direction, MetricClass, RowReason, RowVerdict
from chamiperf_ci.verdict.change import change
from chamiperf_ci.verdict.drift import find_drift
from chamiperf_ci.verdict.row import RowInput, RowName, decide_row
from chamiperf_ci.verdict.statistic import PRIOR_SD

KEY = RowName("boot_storm", "bootscript", "p99")
B = (80, 84, 78, 82, 90)
H = (
    *(81, 79, 84, 80, 83, 78, 82, 86, 80, 79, 83, 81, 77, 82, 84),
    *(80, 85, 79, 81, 83, 78, 82, 80, 84, 81, 79, 86, 82, 80, 83),
)
RATES = (10400, 10150, 10600, 10300, 10250)
P50S = (12.1, 12.3, 11.9, 12.0, 12.2)
OLD = (80, 95, 82, 79, 84)


@dataclass(frozen=True)
class Shown:
    """An example's numbers as they are printed; None where the specification prints none."""

    d: str
    change: str
    low: str | None
    high: str | None
    se: str
    p_worse: str
    nu: str | None = None
    sigma: str | None = None


def against(baseline, *current, history=(), metric_class=MetricClass.P99, direction=Direction.LOWER):
    return RowInput(
        KEY, metric_class=metric_class, direction=direction, baseline=baseline, history=history, current=current
    )


def pairs(*new):
    return RowInput(KEY, pairs=tuple(zip(OLD, new, strict=True)))


EXAMPLES = {
    1: (
        against(B, 83, history=H),
        Shown("0.01212", "+1.22", "-12.40", "+16.95", "0.06838", "0.4307", nu="16.7", sigma="0.06030"),
    ),
    2: (against(B, 97, history=H), Shown("0.16799", "+18.29", "+2.38", "+36.68", "0.06838", "0.01264")),
    3: (against(B, 97, 101, 99, history=H), Shown("0.18840", "+20.73", "+8.23", "+34.67", "0.05173", "0.001034")),
    4: (against(B, 120, history=H), Shown("0.38077", "+46.34", "+26.66", "+69.09", "0.06838", "0.00001812")),
    5: (against(B, 120, 83, 85, history=H), Shown("0.03593", "+3.66", "-7.07", "+15.63", "0.05173", "0.2484")),
    6: (against(B, 92, 91, 93, history=H), Shown("0.11507", "+12.20", "+0.58", "+25.15", "0.05173", "0.02011")),
    7: (
        against(B, 97, 101, 99),
        Shown("0.18840", "+20.73", "+5.35", "+38.36", "0.05909", "0.006419", nu="8", sigma="0.06888"),
    ),
    8: (
        against((80,), 97),
        Shown("0.19268", "+21.25", "-35.31", "+127.26", "0.22627", "0.2212", nu="4", sigma="0.16"),
    ),
    9: (against((80,), 160, 155, 165), Shown("0.69315", "+100.00", "+17.14", "+241.46", "0.19267", "0.01140")),
    10: (
        against(RATES, 8100, 8250, 8000, metric_class=MetricClass.THROUGHPUT, direction=Direction.HIGHER),
        Shown("0.24028", "-21.36", "-25.06", "-17.47", "0.02092", "0.000001495", sigma="0.02438"),
    ),
    11: (
        against(P50S, 12.4, metric_class=MetricClass.P50),
        Shown("0.02449", "+2.48", "-5.19", "+10.77", "0.03374", "0.2443"),
    ),
    12: (
        against((100,) * 5, 121, 121, 121, history=(100,) * 30),
        Shown("0.19062", "+21.00", "+12.71", "+29.90", "0.03359", "0.00001465", sigma="0.03915"),
    ),
    13: (
        pairs(97, 113, 100, 96, 101),
        Shown("0.19268", "+21.25", "+16.94", "+25.71", "0.01568", "8.936e-7", nu="8", sigma="0.02932"),
    ),
    14: (pairs(82, 96, 83, 83, 84), Shown("0.01212", "+1.22", "-2.67", "+5.27", "0.01701", "0.2482")),
}

VERDICTS = {
    1: (RowVerdict.PASS, RowReason.WITHIN_TOLERANCE),
    2: (RowVerdict.INCONCLUSIVE, RowReason.SUSPECT_NOT_REPEATED),
    3: (RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS),
    4: (RowVerdict.INCONCLUSIVE, RowReason.SUSPECT_NOT_REPEATED),
    5: (RowVerdict.PASS, RowReason.WITHIN_TOLERANCE),
    6: (RowVerdict.INCONCLUSIVE, RowReason.NOISY),
    7: (RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS),
    8: (RowVerdict.INCONCLUSIVE, RowReason.THIN_BASELINE),
    9: (RowVerdict.REGRESSION, RowReason.SLOWER_THAN_HALF_AGAIN),
    10: (RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS),
    11: (RowVerdict.PASS, RowReason.WITHIN_TOLERANCE),
    12: (RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS),
    13: (RowVerdict.REGRESSION, RowReason.SLOWER_IN_PAIRS),
    14: (RowVerdict.PASS, RowReason.WITHIN_TOLERANCE),
}


def decimals(shown):
    return len(shown.lstrip("+-").partition("e")[0].partition(".")[2])


def as_printed(value, shown):
    """Print a value the way the specification printed it, sign and number of digits alike."""
    if "e" in shown:
        mantissa, exponent = f"{value:.{decimals(shown)}e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:{'+' if shown[0] in '+-' else ''}.{decimals(shown)}f}"


@pytest.mark.parametrize("number", EXAMPLES)
def test_an_example_comes_out_to_the_last_digit_shown(number):
    row, shown = EXAMPLES[number]
    found = decide_row(row).change
    low, high = found.shown_interval
    values = {
        "d": found.d,
        "change": 100 * found.shown,
        "low": 100 * low,
        "high": 100 * high,
        "se": found.se,
        "p_worse": found.p_worse,
        "nu": found.nu,
        "sigma": found.sigma,
    }
    expected = {name: text for name in values if (text := getattr(shown, name)) is not None}
    assert {name: as_printed(values[name], text) for name, text in expected.items()} == expected


@pytest.mark.parametrize("number", VERDICTS)
def test_an_example_has_the_verdict_it_should(number):
    decision = decide_row(EXAMPLES[number][0])
    assert (decision.verdict, decision.reason) == VERDICTS[number]


def test_exactly_the_examples_of_one_run_beyond_half_the_tolerance_are_suspect():
    assert [number for number, (row, _) in EXAMPLES.items() if decide_row(row).suspect] == [2, 4]


def test_history_gives_the_spread_and_the_degrees_of_freedom_that_the_examples_rest_on():
    found = change(B, [83], history=H, prior_sd=PRIOR_SD[MetricClass.P99])
    assert (f"{found.history_sd:.5f}", f"{found.nu:.1f}", f"{found.sigma:.5f}") == ("0.05115", "16.7", "0.06030")


def test_the_first_example_says_which_change_could_be_detected():
    assert f"{100 * decide_row(EXAMPLES[1][0]).change.minimal_detectable:.1f}" == "19.4"


def test_the_tolerance_of_a_rate_lies_further_out_on_the_log_scale():
    assert f"{decide_row(EXAMPLES[10][0]).theta:.5f}" == "0.22314"


@pytest.mark.parametrize(
    ("nights", "shown", "alarm"),
    [
        pytest.param((91, 93, 90, 92, 95, 89, 92), ("0.11507", "+12.20", "0.04247", "0.007520"), True, id="15"),
        pytest.param((84, 86, 83, 85, 84, 82, 85), ("0.02410", "+2.44", "0.04247", "0.2890"), False, id="16"),
    ],
)
def test_a_drift_example_comes_out_to_the_last_digit_shown(nights, shown, alarm):
    drift = find_drift(B, H + nights, prior_sd=PRIOR_SD[MetricClass.P99])
    found = drift.change
    values = (found.d, 100 * found.shown, found.se, found.p_worse)
    assert tuple(map(as_printed, values, shown)) == shown
    assert drift.alarm is alarm
