"""The stage of a row: a real stack, real commands, GitHub's stand-in, and the means to break each of them."""

import contextlib
import functools
import io
import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import github_standin
from command_line import environment, k6_of, process
from fault import MACHINE, Observed
from made_runs import FIRST_NIGHT, accepting, made_run, shipped_baselines

from chamicore_standin import catalogue, faulting, lifecycle
from chamiperf_ci.adapters import files, webhook
from chamiperf_ci.adapters.github import api
from chamiperf_ci.cli import run as through_the_door
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.seed import Seed, Smoke
from chamiperf_ci.models.target import StackOptions, StackState
from chamiperf_ci.models.verdict import Verdict

BOOT_SERVICES_ONLY = ("discovery", "power", "mcp", "kea", "kea-sync")
NODES = 60
FEW_WINDOWS = ("--windows", 5)
"""So few that the median of a run is always that of all its requests, and two runs can be compared."""
LIGHT = ("--profile", "demo", "--vus", 20, "--spike", 0, "--sustained", "3s", "--settle", "0.2s", *FEW_WINDOWS)
LONG = ("--profile", "demo", "--vus", 20, "--spike", 0, "--sustained", "60s", "--settle", "0.2s", *FEW_WINDOWS)
OPEN = ("--profile", "demo", "--spike", 0, "--sustained", "3s", "--settle", "0.2s", *FEW_WINDOWS)
OPEN_MODELS = ("mixed_boot_path",)
ATTEMPTS = 8
"""A load that only the machine's own business spoilt is made again so often."""
_KINDS = {"run": Run, "seed": Seed, "smoke": Smoke, "verdict": Verdict}
_QUIET = 5.0
"""Per cent of the machine that other work took while accepted runs were made on a quiet one."""
_SLOWEST_MS = 5000
"""Targets of latency here: how fast a stand-in is on a shared machine is not the catalogue's question."""


@dataclass
class Shared:
    """What rows share: one seeded stack, and one healthy run of each scenario, measured when it is first needed."""

    state: StackState
    folder: Path
    healthy: dict[str, Run] = field(default_factory=dict)

    @property
    def seed_file(self) -> Path:
        """The stack's seed file."""
        return self.folder / "out" / "seed.json"

    def healthy_run(self, scenario: str) -> Run:
        """A run of the unbroken stack; on a busy machine one that it spoilt is good enough to compare with."""
        if scenario not in self.healthy:
            broken = faulting.list_faults(self.state)
            faulting.clear_faults(self.state)
            out = self.folder / f"healthy-{scenario}"
            options = ("--target", "embedded", "--scenario", scenario, "--seed-file", self.seed_file, "--out", out)
            shape = OPEN if scenario in OPEN_MODELS else LIGHT
            done = process("load", *options, *shape, cwd=self.folder, state=self.state)
            assert done.returncode in (0, 3), done.stderr
            measured = files.read_document(out / "runs" / f"{scenario}.json", Run)
            assert {problem.reason for problem in measured.problems} <= MACHINE, measured.problems
            self.healthy[scenario] = measured.model_copy(update={"problems": (), "complete": True})
            for fault in broken:
                faulting.set_fault(self.state, fault)
        return self.healthy[scenario]


@contextmanager
def shared_stack(folder: Path) -> Any:
    """A seeded stack with the services of the boot path."""
    options = StackOptions(ports="ephemeral", without=BOOT_SERVICES_ONLY, sync_interval_s=3600)
    state = lifecycle.up(options, state_dir=folder / "state")
    try:
        done = process("seed", "--target", "embedded", "--nodes", NODES, cwd=folder, state=state)
        assert done.returncode == 0, done.stderr
        yield Shared(state, folder)
    finally:
        lifecycle.down(folder / "state")


@dataclass
class Stage:
    """One row's folder, stack and environment."""

    folder: Path
    share: Callable[[], Shared]
    """Gives what rows share; a row that needs no stack never asks."""
    make_stack: Any
    monkeypatch: Any
    own: StackState | None = None
    own_seed_file: Path | None = None
    own_variables: dict[str, str] = field(default_factory=dict)
    """Those by which commands find the row's own stack; also when it is gone."""
    hub: github_standin.StandIn | None = None
    variables: dict[str, str] = field(default_factory=dict)
    """Further variables of the commands."""
    ends: list[tuple[str, int]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    target: tuple[Any, ...] = ("--target", "embedded")
    held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def shared(self) -> Shared:
        """What rows share."""
        return self.share()

    @property
    def state(self) -> StackState:
        """The stack that commands are run on."""
        return self.own or self.shared.state

    @property
    def seed_file(self) -> Path:
        """What was seeded there."""
        return self.own_seed_file or self.shared.seed_file

    @property
    def of_the_stack(self) -> dict[str, str]:
        """The variables by which commands find the stack."""
        return self.own_variables or environment(self.shared.state, cwd=self.folder)

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.folder / "out"

    # The stack

    def breaks(self, fault: Any) -> None:
        """Set a fault on the stack; it is taken away after the row."""
        faulting.set_fault(self.state, fault)

    def own_stack(self, *, nodes: int = NODES, **options: Any) -> StackState:
        """A stack for this row alone, with nodes unless none are wanted."""
        given = {"without": BOOT_SERVICES_ONLY, "sync_interval_s": 3600, **options}
        self.own = self.make_stack(**given)
        self.own_variables = environment(self.own, cwd=self.folder)
        if nodes:
            folder = self.folder / "seeding"
            folder.mkdir()
            done = process("seed", "--target", "embedded", "--nodes", nodes, cwd=folder, state=self.state)
            assert done.returncode == 0, done.stderr
            self.own_seed_file = folder / "out" / "seed.json"
        return self.state

    def instead(self, service: str, url: str) -> None:
        """Name another address for a service of the stack."""
        self.target = ("--environment", "embedded")
        self.variables[catalogue.entry(service).url_variable] = url

    # Commands as processes

    def run(self, name: str, *arguments: Any, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        given = {**self.of_the_stack, **self.variables, **variables}
        done = process(name, *arguments, cwd=self.folder, timeout=180, **given)
        self.note(name, done.returncode, done.stderr, done.stdout)
        return done

    def note(self, name: str, code: int, *said: str) -> None:
        """Take a command's end into the row."""
        self.ends.append((name, code))
        self.said.extend(said)

    def load_arguments(self, *arguments: Any) -> tuple[Any, ...]:
        """The options of a light load, and others."""
        shape = () if "--profile" in arguments else LIGHT
        return (*self.target, "--seed-file", self.seed_file, *shape, *arguments)

    def load(self, *arguments: Any, **variables: str) -> subprocess.CompletedProcess[str]:
        """Drive a light load, of boot_storm unless another scenario is named."""
        return self.run("load", *self.load_arguments(*arguments), **variables)

    def load_in_peace(self, *arguments: Any, **variables: str) -> None:
        """A load, made again as long as only the machine's own business spoils it; the last one counts."""
        for _ in range(ATTEMPTS):
            before = len(self.ends)
            self.load(*arguments, **variables)
            if not self.spoilt_by_the_machine():
                return
            del self.ends[before:]
        raise AssertionError(f"the machine was too busy for a measurement, {ATTEMPTS} times")

    def seed(self, *arguments: Any, **variables: str) -> subprocess.CompletedProcess[str]:
        """Seed nodes, or remove them."""
        return self.run("seed", *self.target, *arguments, **variables)

    def smoke(self, *arguments: Any, **variables: str) -> subprocess.CompletedProcess[str]:
        """See whether each service works."""
        return self.run("smoke", *self.target, *arguments, **variables)

    def confirm(self, *arguments: Any, **variables: str) -> subprocess.CompletedProcess[str]:
        """Measure boot_storm again, twice."""
        repeats = ("--by", "repeats", "--min-gap", "0", "--scenario", "boot_storm", "--seed-file", self.seed_file)
        return self.run("confirm", *self.target, "--verdict", "out/verdict.json", *repeats, *arguments, **variables)

    def confirm_in_peace(self) -> None:
        """A confirmation, made again as long as only the machine's own business spoils a repeat."""
        for _ in range(ATTEMPTS):
            before = len(self.ends)
            self.confirm()
            if not self.spoilt_by_the_machine():
                return
            del self.ends[before:]
            for repeat in (self.out / "runs").glob("*.repeat-*.json"):
                repeat.unlink()
            with self.without_a_trace():
                self.compare()
        raise AssertionError(f"the machine was too busy to confirm, {ATTEMPTS} times")

    def spoilt_by_the_machine(self) -> bool:
        """Whether the runs that lie in `out` have problems, and none but those that the shared machine makes."""
        reasons = {problem.reason for run in self._runs() for problem in run.problems}
        return bool(reasons) and reasons <= MACHINE

    @contextmanager
    def without_a_trace(self) -> Any:
        """What the body runs is not part of the row."""
        before = len(self.ends)
        yield
        del self.ends[before:]

    @contextmanager
    def running(self, name: str, *arguments: Any, **variables: str) -> Any:
        """A command as it runs; its end is noted when the body has ended."""
        process = subprocess.Popen(
            [sys.executable, "-m", f"chamiperf_ci.commands.{name}", *map(str, arguments)],
            cwd=self.folder, env={**self.of_the_stack, **self.variables, **variables},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield process
            out, err = process.communicate(timeout=120)
            self.note(name, process.returncode, err, out)
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def loading(self, *arguments: Any, **variables: str) -> Any:
        """A load whose k6 has begun; gives k6's process."""
        with self.running("load", *self.load_arguments(*arguments), **variables) as process:
            yield process, k6_of(process)

    def apart(self, name: str, *arguments: Any, mount: str, **variables: str) -> None:
        """Run a command where `mount`, a piece of shell, has changed the file system for it alone.

        What is below `out` there is copied out before that view of the file system ends.
        """
        root = () if os.geteuid() == 0 else ("--map-root-user",)
        line = 'eval "$MOUNT" || exit 99; "$@"; code=$?; cp -r out "$ASIDE"; exit $code'
        self.out.mkdir(exist_ok=True)
        # Out of the way: what is mounted over `out` would hide it.
        aside = self.folder / "aside"
        module = f"chamiperf_ci.commands.{name}"
        command_ = [sys.executable, "-m", module, *map(str, arguments)]
        done = subprocess.run(
            ["unshare", "--mount", *root, "sh", "-c", line, "sh", *command_],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            env={**self.of_the_stack, **self.variables, **variables, "MOUNT": mount, "ASIDE": str(aside)},
        )
        assert aside.is_dir(), done.stderr
        shutil.rmtree(self.out)
        aside.rename(self.out)
        self.note(name, done.returncode, done.stderr, done.stdout)

    # Commands in this process

    def inside(self, name: str, *arguments: Any) -> tuple[int, str, str]:
        """Run a command through the command line, in this process."""
        module = __import__(f"chamiperf_ci.commands.{name}", fromlist=[name])
        out, err = io.StringIO(), io.StringIO()
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            for variable, value in self.variables.items():
                patch.setenv(variable, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    through_the_door(getattr(module, name), list(map(str, arguments)))
                except SystemExit as ended:
                    code = int(ended.code or 0)
        self.note(name, code, err.getvalue(), out.getvalue())
        return code, out.getvalue(), err.getvalue()

    def compare(self, *arguments: Any) -> None:
        """Judge what is below `out`, against runs of the unbroken stack made like it."""
        if not (self.folder / "baselines.json").exists():
            self.accept()
        self.inside("compare", *arguments)

    def accept(self, *, scenarios: Collection[str] = ()) -> None:
        """Write a baselines.json whose accepted runs are healthy ones, made under the circumstances of those in `out`.

        Also what else ran on the machine was the same.
        """
        accepted = patient_targets()
        for run in self._runs():
            if run.run_kind in (RunKind.NIGHT, RunKind.QUICK) and run.scenario in (scenarios or {run.scenario}):
                healthy = self.shared.healthy_run(run.scenario)
                alike = healthy.model_copy(update={"fingerprint": run.fingerprint, "machine": run.machine})
                accepted = accepting(accepted, [_night(alike, number) for number in range(5)])
        files.write_document(self.folder / "baselines.json", accepted)

    def made_night(self, number: int = 20, **changes: Any) -> Run:
        """A quiet night of five accepted ones, as files: `night/boot_storm.json` and baselines.json."""
        quiet = made_run().machine.model_copy(update={"foreign_cpu_percent": _QUIET})
        runs = [made_run(each, noise=0.02, machine=quiet) for each in range(5)]
        files.write_document(self.folder / "baselines.json", accepting(shipped_baselines(), runs))
        night = made_run(number, **{"noise": 0.02, **changes})
        files.write_document(self.folder / "night" / "boot_storm.json", night)
        return night

    def judge_made_night(self, *, mount: str) -> None:
        """Have `compare`, with its view of the file system changed, judge a made night."""
        self.made_night()
        self.apart("compare", "--runs", "night", mount=mount)

    # GitHub

    def github(self, **fields: Any) -> github_standin.StandIn:
        """A repository with one pull request, and a job's variables; nobody waits long there."""
        self.hub = self.held.enter_context(github_standin.serve(github_standin.StandIn(**fields)))
        self.hub.add_pull(7, commit="c" * 40)
        head = {"ref": "topic", "sha": "c" * 40, "repo": {"full_name": self.hub.repository}}
        self.event("pull_request", {"pull_request": {"number": 7, "head": head}})
        self.variables |= {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": self.hub.repository,
            "GITHUB_API_URL": self.hub.base_url,
            "GITHUB_TOKEN": "token",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_OUTPUT": str(self.folder / "outputs"),
        }
        self.hurry()
        return self.hub

    def event(self, name: str, payload: dict[str, Any]) -> None:
        """Name the event that the job runs for."""
        path = self.folder / "event.json"
        path.write_text(json.dumps(payload), encoding="utf-8")
        self.variables |= {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)}

    def hurry(self) -> None:
        """Shorten the waits for GitHub and for chats; what is asked, and how often, stays."""
        self.monkeypatch.setattr("chamiperf_ci.adapters.github.api.RETRY", replace(api.RETRY, first_wait_s=0.01))
        self.monkeypatch.setattr("chamiperf_ci.adapters.github.api.TIMEOUT_S", 1)
        self.monkeypatch.setattr(
            "chamiperf_ci.adapters.webhook.RETRY", replace(webhook.RETRY, first_wait_s=0.01, timeout_s=1.0)
        )

    # What became of it

    def observed(self) -> Observed:
        """Everything that the row left; each file that it kept is whole."""
        verdict = self.out / "verdict.json"
        return Observed(
            ends=tuple(self.ends),
            said="\n".join(self.said),
            runs=tuple(self._runs()),
            verdict=files.read_document(verdict, Verdict) if verdict.is_file() else None,
            kept=tuple(self._kept()),
        )

    def _runs(self) -> list[Run]:
        folder = self.out / "runs"
        found = sorted(folder.glob("*.json")) if folder.is_dir() else []
        return [files.read_document(path, Run) for path in found if path.is_file()]

    def _kept(self) -> list[str]:
        if not self.out.is_dir():
            return []
        paths = sorted(path for path in self.out.rglob("*") if path.is_file())
        names = [path.relative_to(self.out) for path in paths]
        for name in names:
            if name.suffix == ".json" and name.parts[0] != "k6":
                whole(self.out / name)
        return [str(name) for name in names if name.parts[0] != "k6"]


def kept_from(*names: str) -> str:
    """The documents of some steps, as a row states what is kept."""
    return " ".join(f"{name}.json" for name in names)


def whole(path: Path) -> None:
    """Require that a file is a whole document of ours."""
    kind = files.read_json(path, remedy="It is half-written.")["kind"]
    files.read_document(path, _KINDS[kind])


@functools.cache
def patient_targets() -> Baselines:
    """The project's rules with latencies up to 5 s allowed."""
    rules = shipped_baselines().model_dump(mode="json")

    def loosen(value: Any) -> None:
        if not isinstance(value, dict):
            return
        for name, child in value.items():
            # Of the few requests of a short load only the median can be judged.
            if name in ("p95", "p99"):
                value[name] = {}
            loosen(child)
        if value.get("unit") == "ms" and "limit" in value:
            value["limit"] = _SLOWEST_MS

    loosen(rules["rules"])
    rules["rules"]["defaults"]["metrics"] |= {quantile: {"compared": False} for quantile in ("p95", "p99")}
    return Baselines.model_validate(rules)


def _night(healthy: Run, number: int) -> Run:
    """The healthy run as it might have been in another night: its level off by some per cent."""
    level = math.exp(random.Random(number).gauss(0, 0.03))  # noqa: S311 - noise, not a secret

    def scaled(quantiles: dict[str, float]) -> dict[str, float]:
        return {name: round(value * level, 3) for name, value in quantiles.items()}

    series = tuple(
        each.model_copy(
            update={
                "phases": {
                    name: phase.model_copy(update={"quantiles": scaled(phase.quantiles)})
                    for name, phase in each.phases.items()
                },
                "windows": tuple(w.model_copy(update={"quantiles": scaled(w.quantiles)}) for w in each.windows),
            }
        )
        for each in healthy.series
    )
    started = FIRST_NIGHT + timedelta(days=number)
    return healthy.model_copy(
        update={
            "run_id": f"accepted{number}",
            "run_kind": RunKind.NIGHT,
            "started_at": started,
            "ended_at": started + timedelta(seconds=10),
            "series": series,
        }
    )
