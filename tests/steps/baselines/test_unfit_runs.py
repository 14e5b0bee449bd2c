"""A run in which an endpoint failed, was never asked or took no time begins no baseline."""

from datetime import UTC, datetime, timedelta

import pytest
from made_runs import made_run, shipped_baselines

from chamiperf_ci.steps.baselines.candidates import from_run

SHIPPED = shipped_baselines()
RUN = made_run(0)


def timeless():
    """No response took any time, in the windows and over the whole phase."""
    [series] = windows_of(quantiles=lambda window: dict.fromkeys(window.quantiles, 0.0))["series"]
    whole = series.phases["sustained"]
    none = whole.model_copy(update={"quantiles": dict.fromkeys(whole.quantiles, 0.0)})
    return {"series": (series.model_copy(update={"phases": {"sustained": none}}),)}


def windows_of(**changes):
    series = RUN.series[0]
    windows = tuple(
        window.model_copy(update={name: change(window) for name, change in changes.items()})
        for window in series.windows
    )
    return {"series": (series.model_copy(update={"windows": windows}),)}


def traffic_of(**changes):
    return {"traffic": (RUN.traffic[0].model_copy(update=changes),)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (traffic_of(failed=600_000), "600,000 of 6,000,000 requests of bootscript failed"),
        (windows_of(failed=lambda window: window.count // 10), "600,000 of 6,000,000 requests of bootscript failed"),
        (traffic_of(throttled=3_000_000), "3,000,000 of 6,000,000 requests of bootscript failed"),
        (traffic_of(requests=0), "bootscript was never asked"),
        ({"traffic": ()}, "nothing was asked at all"),
        ({"series": ()}, "bootscript was asked and has no latency"),
        (timeless(), "is not a positive number"),
        ({"started_at": datetime.now(UTC) + timedelta(days=2)}, "which is still to come"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_run_that_shows_no_working_stack_is_not_accepted(changes, said):
    if "started_at" in changes:
        changes = changes | {"ended_at": changes["started_at"] + timedelta(minutes=15)}
    found = [text for _, text in from_run(RUN.model_copy(update=changes), SHIPPED).objections]
    assert any(said in text for text in found), found
    assert not any(said in text for _, text in from_run(RUN, SHIPPED).objections)
