"""`compare --explain`: how a row came to its verdict, step by step, with the numbers."""

from collections.abc import Sequence

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.render import numbers
from chamiperf_ci.render.surface import Terminal
from chamiperf_ci.steps.compare.judge import Judgement
from chamiperf_ci.verdict.decision import RowDecision
from chamiperf_ci.verdict.explain import Step, explain
from chamiperf_ci.verdict.multiplicity import FALSE_DISCOVERY_RATE
from chamiperf_ci.verdict.row_input import RowInput


def explanation(judgement: Judgement, wanted: str) -> str:
    """Return the computation of each compared row whose name holds `wanted`.

    Args:
        judgement: The night.
        wanted: A metric (`p99`), or any part of `scenario / endpoint metric`, with or without blanks.

    Raises:
        ConfigurationError: No row has such a name; the rows there are are named.
    """
    squeezed = _squeezed(wanted)
    found = [key for key in judgement.decisions if key.metric == wanted] or [
        key for key in judgement.decisions if squeezed in _squeezed(key.text)
    ]
    if not found:
        some = ", ".join(key.text for key in list(judgement.decisions)[:8])
        raise ConfigurationError(
            f"no compared row is named {wanted!r}", where="--explain", remedy=f"Name one of: {some}."
        )
    return "\n".join(_row(judgement, key) for key in found)


def _squeezed(text: str) -> str:
    return "".join(text.split()).replace("/", "").lower()


def _row(judgement: Judgement, key: RowKey) -> str:
    decision, pairing = judgement.decisions[key], judgement.pairings[key]
    judged = pairing.again if decision.repeated and pairing.again is not None else pairing.first
    surface = Terminal()
    *computed, concluded = explain(decision)
    steps = [*(_inputs(judged) if judged else ()), *computed, *_family(judgement, decision), concluded]
    table = surface.table(
        ("step", "formula", "value"), [(step.name, step.formula, _value(step.value)) for step in steps]
    )
    return f"{surface.heading(key.text)}\n{table}"


def _inputs(judged: RowInput) -> Sequence[Step]:
    quantities = (
        ("baseline", "statistic of each accepted run", judged.baseline),
        ("history", "of the nights before, oldest first", judged.history),
        ("current", "of each current run", judged.current),
    )
    steps = [Step(name, what, values) for name, what, values in quantities if values]
    steps += [Step(f"pair {place}", "old, new", pair) for place, pair in enumerate(judged.pairs, start=1)]
    return steps


def _family(judgement: Judgement, decision: RowDecision) -> Sequence[Step]:
    """What Benjamini and Hochberg's procedure had to do with it."""
    if not decision.in_family or decision.change is None:
        return ()
    family = [other.change.p_worse for other in judgement.decisions.values() if other.in_family and other.change]
    rank = 1 + sum(p < decision.change.p_worse for p in family)
    return (
        Step("rank", f"of p_worse among {len(family)} rows of the night", float(rank)),
        Step(
            "threshold",
            f"{FALSE_DISCOVERY_RATE:g} rank / rows (BH), and p_worse < 0.01",
            FALSE_DISCOVERY_RATE * rank / len(family),
        ),
    )


def _value(value: float | tuple[float, ...] | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return ", ".join(_number(each) for each in value)
    return _number(value)


def _number(value: float) -> str:
    """Four significant digits, or more than can be told apart from zero in exponent form."""
    if value != 0 and abs(value) < 1e-3:  # noqa: PLR2004 - below this, leading zeros are hard to count
        return f"{value:.3e}"
    return numbers.significant(value, 4)
