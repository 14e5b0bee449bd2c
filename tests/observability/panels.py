"""Every question that the dashboards ask, and what a Prometheus answers."""

import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chamiperf_ci.adapters.prometheus import Prometheus

FOLDER = Path(__file__).resolve().parents[2] / "dashboards"
_METRIC = re.compile(r"(?:chamicore:[\w:]+|k6_\w+|chamiperf_\w+|pg_\w+)")
_STEPS = 12


@dataclass(frozen=True)
class Question:
    """One query of one panel."""

    dashboard: str
    panel: str
    letter: str
    expr: str
    legend: str
    table: bool

    @property
    def labels(self) -> set[str]:
        """The labels by which its lines differ."""
        by = re.search(r"by \(([\w, ]+)\)", self.expr)
        return set(by[1].split(", ")) - {"le"} if by else set()

    @property
    def metrics(self) -> set[str]:
        """The names of the metrics that it reads."""
        return set(_METRIC.findall(self.expr))

    def __str__(self) -> str:
        """A test's id."""
        return f"{self.dashboard}: {self.panel} {self.letter}"


def questions() -> Iterator[Question]:
    """All of them, from what was written for Grafana."""
    for path in sorted(FOLDER.glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for asked in panel.get("targets") or ():
                yield Question(
                    path.stem,
                    panel["title"],
                    asked["refId"],
                    asked["expr"],
                    asked["legendFormat"],
                    panel["type"] == "table",
                )


def filled_in(expr: str, look: str = "20s") -> str:
    """The expression with every variable at `All`, and Grafana's own at what suits a short run."""
    known = expr.replace("$__rate_interval", look).replace("$__range", "10m")
    return re.sub(r"\$\w+", ".*", known)


def is_answered(prometheus: Prometheus, expr: str, start: float, end: float) -> bool:
    """Whether some moment of the load has a finite number for it."""
    moments = [start + (end - start) * step / _STEPS for step in range(_STEPS + 1)]
    return any(
        math.isfinite(value.value)
        for at in moments
        for value in prometheus.query(filled_in(expr), at=min(at, time.time()))
    )
