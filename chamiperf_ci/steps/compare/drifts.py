"""Rows in slow drift: the last nights against the baseline, a warning with a row of its own (verdict.md section 9)."""

from collections.abc import Sequence

from chamiperf_ci.models import verdict as model
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.vocabulary import RowKind, RowReason, RowVerdict
from chamiperf_ci.render.sentences import row_sentence
from chamiperf_ci.steps.compare.objectives import NO_TARGET
from chamiperf_ci.steps.compare.pairing import Pairing
from chamiperf_ci.steps.compare.past import Past, PastNight
from chamiperf_ci.steps.compare.rows import change_of
from chamiperf_ci.steps.compare.scenarios import build
from chamiperf_ci.steps.compare.sittings import Sitting
from chamiperf_ci.verdict.drift import Drift, find_drift
from chamiperf_ci.verdict.metric_class import PRIOR_SD, is_quantity


def drift_rows(
    sitting: Sitting, pairings: Sequence[Pairing], rows: Sequence[model.Row], baselines: Baselines, past: Past
) -> tuple[model.Row, ...]:
    """Return a row for each metric that creeps; only a valid night looks back, and only where nights are known.

    Args:
        sitting: The scenario's runs.
        pairings: Its rows' numbers.
        rows: Its rows, in the same order.
        baselines: What was accepted.
        past: The nights before.
    """
    night = sitting.night
    accepted = baselines.accepted(night.fingerprint)
    if night.run_kind is not RunKind.NIGHT or not night.valid or accepted is None or accepted.newest is None:
        return ()
    before = past.alike(night.fingerprint, night.started_at)
    found = []
    for pairing, row in zip(pairings, rows, strict=True):
        judged = pairing.first
        if judged is None or judged.reason is not None or judged.kind is not RowKind.QUANTITY:
            continue
        alike = [n for n in before if _value(n, row) is not None]
        values = [value for n in alike if (value := _value(n, row)) is not None]
        drift = find_drift(
            judged.baseline,
            [*values, *judged.current[:1]],
            prior_sd=PRIOR_SD[judged.metric_class],
            direction=judged.direction,
            since=sum(n.started_at <= accepted.newest for n in alike),
        )
        if drift.alarm:
            commits = ", ".join(f"{identity.service} {build(identity)}" for identity in night.identities)
            found.append(_row(row, drift, alike, night.started_at.date().isoformat(), commits))
    return tuple(found)


def _value(night: PastNight, row: model.Row) -> float | None:
    found = night.values.get(row.key)
    return found.value if found and found.statistic is row.statistic and is_quantity(found.value) else None


def _row(row: model.Row, drift: Drift, nights: Sequence[PastNight], tonight: str, commits: str) -> model.Row:
    change = drift.change
    if change is None:  # an alarm has one
        return row
    drifting = row.model_copy(
        update={
            "key": row.key.model_copy(update={"metric": f"{row.key.metric} drift"}),
            "verdict": RowVerdict.INCONCLUSIVE,
            "reason": RowReason.DRIFT,
            "change": change_of(change),
            "target": NO_TARGET,
            "suspect": False,
            "compared": False,
            "above_tolerance_unconfirmed": False,
            "notes": (),
            "detail": _began(drift, nights, tonight, commits),
        }
    )
    return drifting.model_copy(update={"sentence": row_sentence(drifting)})


def _began(drift: Drift, nights: Sequence[PastNight], tonight: str, commits: str) -> str:
    """Where the drift began, with the builds on both sides, as far as that can be located."""
    if drift.began is None:
        return "Where it began cannot be located."
    place = drift.began.place
    before = nights[place - 1] if 0 < place <= len(nights) else None
    day = nights[place].started_at.date().isoformat() if place < len(nights) else tonight
    after = ", ".join(nights[place].commits) if place < len(nights) else commits
    if before is None or not before.commits or not after:
        return f"It began about the night of {day}."
    return f"It began about the night of {day}, between {', '.join(before.commits)} and {after}."
