import pytest
from made_verdicts import made_change, made_row, made_target
from said import row_said

from chamiperf_ci.models.verdict import Fact
from chamiperf_ci.models.vocabulary import FactWord, RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render.sentences import row_sentence, target_sentence

ONE = {"current_values": (97.0,), "current": 97.0}
WIDE = made_change(0.0122, -0.124, 0.1695, d=0.012)

SENTENCES = [
    (
        RowReason.SLOWER_IN_ALL_RUNS,
        {},
        "21 % slower (95 %: 8 to 35 %), seen in all 3 runs; may exceed the 20 % limit.",
    ),
    (
        RowReason.SLOWER_IN_PAIRS,
        {
            "by_pairs": True,
            "baseline_values": (80.0, 95.0, 82.0, 79.0, 84.0),
            "current_values": (97.0, 113.0, 100.0, 96.0, 80.0),
        },
        ("21 % slower (95 %: 8 to 35 %), seen in 4 of 5 pairs measured side by side; may exceed the 20 % limit."),
    ),
    (
        RowReason.SLOWER_THAN_HALF_AGAIN,
        {"baseline_runs": 1, "change": made_change(1.0, 0.171, 2.415)},
        "100 % slower (95 %: 17 to 242 %), each of 3 runs at least half again as bad as the accepted run.",
    ),
    (
        RowReason.MORE_STALLED_WINDOWS,
        {"change": None, "unit": "windows", "baseline_values": (0.0, 1.0, 0.0), "current_values": (4.0, 5.0, 6.0)},
        "4 to 6 stalled windows now, 0 to 1 stalled windows in 3 accepted runs.",
    ),
    (
        RowReason.MORE_ERRORS,
        {"change": None, "unit": "share", "baseline_values": (0.0, 0.0002), "current_values": (0.003, 0.004)},
        "0.300 % to 0.400 % of requests failed now, 0 % to 0.0200 % of requests failed in 2 accepted runs.",
    ),
    (
        RowReason.FASTER,
        {"change": made_change(-0.3, -0.4, -0.2)},
        "30 % faster (95 %: 20 to 40 %), in all 3 runs.",
    ),
    (
        RowReason.ONE_RUN,
        {"change": made_change(-0.3, -0.4, -0.2), **ONE},
        "30 % faster (95 %: 20 to 40 %), in one run.",
    ),
    (RowReason.WITHIN_TOLERANCE, {"change": WIDE}, "1 % slower (12 % faster to 17 % slower): within 20 %."),
    (
        RowReason.SLOWER_WITHIN_TOLERANCE,
        {"change": made_change(0.08, 0.02, 0.15)},
        "8 % slower (95 %: 2 to 15 %): slower, within tolerance (20 %).",
    ),
    (
        RowReason.SUSPECT_NOT_REPEATED,
        {"change": made_change(0.183, 0.0238, 0.3668), **ONE},
        "18 % slower in one run (2 to 37 %); not repeated. Changes under 19 % cannot be told from noise here.",
    ),
    (
        RowReason.RUNS_DISAGREE,
        {"change": made_change(0.122, 0.0058, 0.2515)},
        "12 % slower (1 to 25 %): not in every one of 3 runs, so chance is not excluded.",
    ),
    (
        RowReason.NOISY,
        {"change": made_change(0.06, -0.09, 0.24)},
        (
            "6 % slower (9 % faster to 24 % slower): noise hides whether that is within 20 %. "
            "Changes under 19 % cannot be told from noise here."
        ),
    ),
    (
        RowReason.THIN_BASELINE,
        {"baseline_runs": 1, "change": made_change(0.2125, -0.3531, 1.2726), **ONE},
        "21 % slower (35 % faster to 127 % slower): 1 accepted run shows too little; 5 from 5 nights would narrow it.",
    ),
    (RowReason.ABOVE_TOLERANCE, ONE, "21 % slower in one run; the ADR's rule allows 20 %."),
    (
        RowReason.DRIFT,
        {"notes": (Fact(word=FactWord.DRIFT_BEGAN, values={"night": "2026-03-11", "builds_known": 0}),)},
        "21 % slower over the last 7 nights (8 to 35 %): a slow drift. It began about the night of 2026-03-11.",
    ),
    (
        RowReason.NOT_MEASURED,
        {"change": None, "current": None, "current_values": ()},
        "In the baseline (82.0 ms), and not measured now.",
    ),
    (RowReason.NOT_COMPARED, {"change": None}, "99.0 ms now; shown, not compared."),
    (
        RowReason.NOT_COMPARED,
        {"change": None, "unit": "/s", "current": 9990.0, "offered": 10000.0},
        "Achieved 9,990/s of 10,000/s offered; shown, not compared.",
    ),
    (
        RowReason.RUN_INVALID,
        {"change": None},
        "Not judged: the run cannot be judged. 99.0 ms now.",
    ),
    (
        RowReason.FINGERPRINT_MISMATCH,
        {"change": None, "detail": "profile: quick here, full there"},
        (
            "Not judged: the only baseline was made under other circumstances: “profile: quick here, full there”. "
            "99.0 ms now."
        ),
    ),
    (RowReason.NO_BASELINE, {"change": None}, "Not judged: there is no accepted run to compare with. 99.0 ms now."),
]


@pytest.mark.parametrize(("reason", "changes", "said"), SENTENCES, ids=[f"{s[0]}-{n}" for n, s in enumerate(SENTENCES)])
def test_each_reason_says_what_was_seen_with_its_numbers(reason, changes, said):
    assert row_said(made_row(RowVerdict.INCONCLUSIVE, reason, **changes)) == said


@pytest.mark.parametrize("reason", list(RowReason))
def test_every_reason_has_a_sentence(reason):
    assert row_sentence(made_row(RowVerdict.INCONCLUSIVE, reason))


def test_two_runs_are_not_said_to_be_not_repeated():
    row = made_row(RowVerdict.INCONCLUSIVE, RowReason.SUSPECT_NOT_REPEATED, current_values=(97.0, 99.0))
    assert "in 2 runs (8 to 35 %); three are needed to decide." in row_said(row)


def test_what_exceeds_the_tolerance_unconfirmed_says_so():
    row = made_row(
        RowVerdict.INCONCLUSIVE,
        RowReason.SUSPECT_NOT_REPEATED,
        above_tolerance_unconfirmed=True,
        current_values=(99.0,),
    )
    assert row_said(row).endswith("Above 20 %, not confirmed.")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        pytest.param(made_target(), "99.0 ms, the target is below 100 ms (ADR-012).", id="met"),
        pytest.param(
            made_target(TargetVerdict.AT_THE_LIMIT),
            "99.0 ms, the target is below 100 ms (ADR-012): too near to tell, counted as met.",
            id="at the limit",
        ),
        pytest.param(
            made_target(TargetVerdict.MISSED, 0.002, limit=0.001, unit="share", low=0.0015, high=0.0026),
            "0.200 % (95 %: 0.150 % to 0.260 %), the target is below 0.100 % (ADR-012).",
            id="error rate",
        ),
        pytest.param(
            made_target(
                TargetVerdict.UNAVAILABLE,
                9990.0,
                limit=10_000.0,
                unit="/s",
                bound="at least",
                reason=RowReason.NOT_OFFERED,
            ),
            "9,990/s, the target is at least 10,000/s (ADR-012); not judged. The plan offers too little to show it: "
            "the pace would be measured, not the service.",
            id="not offered",
        ),
        pytest.param(
            made_target(TargetVerdict.UNAVAILABLE).model_copy(update={"value": None, "reason": RowReason.NOT_MEASURED}),
            "Not judged: the target is below 100 ms (ADR-012). It was not measured.",
            id="not measured",
        ),
        pytest.param(made_target(TargetVerdict.NONE), "", id="no target"),
    ],
)
def test_a_target_says_value_limit_and_source(target, said):
    assert target_sentence(target) == said
