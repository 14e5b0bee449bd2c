"""What `history trend` does: the nights of a history onto one page."""

from datetime import timedelta
from pathlib import Path

import click

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.data import default_baselines
from chamiperf_ci.adapters.files import PRODUCER
from chamiperf_ci.adapters.history import HistoryStore
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.render.trend_page import trend_markdown, trend_page
from chamiperf_ci.steps import history
from chamiperf_ci.steps.compare.step import RESTORE
from chamiperf_ci.steps.kept_runs import hand_over
from chamiperf_ci.steps.trend.gathering import trends

BASELINES = Path("baselines.json")


def show_trend(
    store: HistoryStore,
    which: history.Wanted,
    *,
    baselines: Path | None,
    period: float,
    form: str,
    output: Path | None,
) -> None:
    """Write the page, or its tables in markdown, to a file or to standard output; damaged files are named.

    Args:
        store: The history.
        which: Nights of which to show; nights alone count.
        baselines: What is compared and what was accepted; None: baselines.json if it is there, else what ships.
        period: Seconds from one night to the next.
        form: `html` or `markdown`.
        output: File to write; None: standard output.

    Raises:
        ConfigurationError: There is no history, a file cannot be read or written, or an entry is of a newer version.
    """
    store.require()
    path = baselines or (BASELINES if BASELINES.exists() else default_baselines())
    accepted = files.read_document(path, Baselines, remedy=RESTORE)
    reading = history.read(store, which)
    found = trends(reading.entries, accepted, period=timedelta(seconds=period))
    text = trend_page(found, producer=PRODUCER) if form == "html" else trend_markdown(found)
    hand_over(text, output, reading)
    click.echo(f"{sum(len(trend.metrics) for trend in found)} metrics of {len(reading.entries)} nights.", err=True)
