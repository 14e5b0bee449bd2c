"""The demo: runs the commands as a user would, each in a process of its own, and checks what they found.

Knows nothing of how a step works; it reads the verdict files that the steps leave, as a reviewer would.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import click

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.files import default_baselines
from chamiperf_ci.errors import ConfigurationError, ExitCode, InternalError, InvalidMeasurement, ToolkitError
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Row, Verdict
from chamiperf_ci.models.vocabulary import NOT_BY_CHANCE, RowReason, RowVerdict
from chamiperf_ci.render import numbers

SCENARIO = "boot_storm"
SERVICE_TIME_MS = 8
"""Declared service time of the boot script: without one, noise between short runs drowns a slow-down (sd 0.26)."""
LOAD = ("--profile", "demo", "--vus", "100", "--spike", "0")
"""What two cores carry that something else uses as well; and enough requests for a p99."""
BASELINE_RUNS = 5
ATTEMPTS = 5
"""Runs made for one valid one, on a machine that others use."""
FAILURES: dict[int, type[ToolkitError]] = {ExitCode.CONFIGURATION: ConfigurationError, ExitCode.INTERNAL: InternalError}
"""What a step's exit code becomes; every other one means that it could not measure."""


@dataclass
class Demo:
    """One demonstration.

    Args:
        out: Folder for everything that is written; what an earlier demo left there is removed.
        nodes: Nodes to seed.
        slow_down_ms: Latency injected into the boot script of the slowed leg, ms.
        slowed_leg: The leg that it is injected in: `slowed`, or, to see the demo fail, `unchanged` or `none`.
        document: Gets the verdicts of both legs.
    """

    out: Path
    nodes: int
    slow_down_ms: float
    slowed_leg: str
    document: Callable[[object], None] = lambda _: None
    _started: float = field(default_factory=time.monotonic)

    def run(self) -> ExitCode:
        """Run it all; stops the stack whatever happens, also at SIGTERM, which is taken as Ctrl-C.

        Raises:
            ConfigurationError: A command refused to start.
            InternalError: A command met a fault of this toolkit.
            InvalidMeasurement: A command could not measure.
            KeyboardInterrupt: At either signal.
        """
        # SIGINT as well: what a shell starts in the background inherits that it is ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        self._clear()
        try:
            return self._chain()
        finally:
            self._command("stack", "down", check=False)

    def _chain(self) -> ExitCode:
        self._say(f"Starting the embedded stack (declared service time {SERVICE_TIME_MS} ms on the boot script)")
        self._command("stack", "up", "--ports", "ephemeral", "--service-time-ms", str(SERVICE_TIME_MS), quiet=True)
        self._say(f"Seeding {self.nodes} nodes")
        self._command("seed", "--nodes", str(self.nodes))
        self._say("Smoke test")
        self._command("smoke")
        self._say(f"Recording a baseline: {BASELINE_RUNS} runs of {SCENARIO}, profile demo")
        folders = [self.out / "baseline" / str(number) for number in range(1, BASELINE_RUNS + 1)]
        for folder in folders:
            self.valid_run(folder)
        self._accept(folders)
        unchanged = self._leg("unchanged")
        slowed = self._leg("slowed")
        self.document({"unchanged": unchanged, "slowed": slowed})
        return self._conclude(unchanged, slowed)

    def _leg(self, name: str) -> Verdict:
        """One run, the first look, two repeats whatever the first look says, and the decision."""
        folder = self.out / name
        planted = self.slowed_leg == name
        delay = f"{self.slow_down_ms:g}"
        if planted:
            self._say(f"Slowing the boot script down by {delay} ms")
            fault = ("--service", "bss", "--route", "bootscript", "--latency-ms", delay)
            self._command("stack", "fault", "set", *fault, quiet=True)
        self._say(f"The {name} leg: one run, then two repeats, then one decision")
        self.valid_run(folder)
        self.decide(folder)
        if planted:
            self._command("stack", "fault", "clear", quiet=True)
        self._command("report", "--verdict", str(folder / "verdict.json"), "--out", str(folder))
        return files.read_document(folder / "verdict.json", Verdict)

    def decide(self, folder: Path) -> None:
        """Look once, repeat twice, decide once; what was invalid, or on a busier machine, is made again.

        Raises:
            InvalidMeasurement: It was so at every attempt.
        """
        shared = ("--baselines", str(self.baselines), "--out", str(folder))
        for attempt in range(1, ATTEMPTS + 1):
            for invalid in (folder / "runs").glob("*.repeat-*.json"):
                invalid.unlink()
            self._command("compare", "--runs", str(folder / "runs"), *shared, allow={1, 3}, quiet=True)
            # `--scenario` repeats it even where nothing is suspect: both legs get the same runs and one decision.
            self._command(
                "confirm", "--verdict", str(folder / "verdict.json"), "--by", "repeats", "--min-gap", "0",
                "--scenario", SCENARIO, "--seed-file", str(self.out / "seed.json"), *shared, allow={1, 3}, quiet=True,
            )  # fmt: skip
            repeats = [files.read_document(path, Run) for path in (folder / "runs").glob("*.repeat-*.json")]
            for repeat in repeats:
                _refuse_hopeless(repeat, folder)
            rows = files.read_document(folder / "verdict.json", Verdict).rows
            busier = any(row.reason is RowReason.MACHINE_BUSY for row in rows)
            if not busier and all(repeat.valid for repeat in repeats):
                return
            if attempt == ATTEMPTS:
                raise InvalidMeasurement(
                    f"the machine was too busy to measure this leg, {ATTEMPTS} times",
                    where=str(folder),
                    remedy="Stop other work on this machine, and run it again.",
                )
            if busier:
                self._say("  the machine was busier than while the baseline was made; measuring this leg again")
                self.valid_run(folder)
            else:
                self._say("  a repeat was invalid; repeating again")

    def _conclude(self, unchanged: Verdict, slowed: Verdict) -> ExitCode:
        false_alarms = [row for row in unchanged.rows if row.verdict in (RowVerdict.REGRESSION, RowVerdict.INVALID)]
        caught = [row for row in slowed.rows if row.verdict is RowVerdict.REGRESSION and row.change is not None]
        undecided = sum(row.verdict is RowVerdict.INCONCLUSIVE for row in unchanged.rows)
        click.echo()
        if false_alarms:
            click.echo(f"NOT AS IT SHOULD BE: the unchanged leg has {_names(false_alarms)}.")
        else:
            click.echo("Unchanged leg: nothing found, as it should be (no regression, no invalid row).")
            if undecided:
                click.echo(
                    f"  {numbers.counted(undecided, 'row is', 'rows are')} inconclusive: a few seconds of load leave "
                    "the tail too noisy to exclude 20 %, and the tool says so instead of guessing."
                )
        if caught:
            click.echo(f"Slowed leg: caught: {_names(caught)}.")
        else:
            click.echo("NOT AS IT SHOULD BE: the slowed leg has no regression.")
        click.echo(f"Everything is in {self.out}: {self.out}/slowed/report.html is the page to look at.")
        click.echo(f"Done in {time.monotonic() - self._started:.0f} s; the stack is being stopped.")
        return ExitCode.OK if caught and not false_alarms else ExitCode.VERDICT_NO

    @property
    def baselines(self) -> Path:
        """The demo's own copy of baselines.json; the project's is never touched."""
        return self.out / "baselines.json"

    def _clear(self) -> None:
        """Remove what an earlier demo left, and nothing else: only in a folder that a demo made, or an empty one."""
        marker = self.out / ".chamiperf-demo"
        if self.out.exists() and any(self.out.iterdir()) and not marker.exists():
            raise ConfigurationError(
                "the folder is neither empty nor a demo's",
                where=str(self.out),
                remedy="Give another folder with --out, or empty this one.",
            )
        self._command("stack", "down", check=False)
        shutil.rmtree(self.out, ignore_errors=True)
        files.write_text(marker, "made by chamiperf demo; the next one removes this folder\n")

    def valid_run(self, folder: Path) -> None:
        """Make one valid run; one that was invalid because the machine was busy says nothing and is made again.

        Raises:
            InvalidMeasurement: None was valid, or another would not be either.
        """
        arguments = ("--scenario", SCENARIO, *LOAD, "--seed-file", str(self.out / "seed.json"))
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            code = self._command(
                "load", *arguments, "--out", str(folder), allow=set() if last else {ExitCode.INVALID}, quiet=True
            )
            if code == ExitCode.OK:
                return
            path = folder / "runs" / f"{SCENARIO}.json"
            if path.exists():
                _refuse_hopeless(files.read_document(path, Run), folder)
            self._say("  that run was invalid, as load says; running it again")

    def _accept(self, folders: list[Path]) -> None:
        runs = [argument for folder in folders for argument in ("--runs", str(folder / "runs"))]
        files.write_text(self.baselines, default_baselines().read_text(encoding="utf-8"))
        patch = str(self.out / "baseline.patch.json")
        shared = ("--baselines", str(self.baselines))
        # On a busy laptop the stand-in may miss a target by a hair; that is not a reason not to compare it with itself.
        self._command(
            "update-baseline", "propose", *runs, *shared, "--patch", patch, "--reason", "demo: the stack as it is",
            "--overrule", "missed-target", quiet=True,
        )  # fmt: skip
        self._command("update-baseline", "apply", "--patch", patch, *shared, quiet=True)
        self._say(f"Accepted the {BASELINE_RUNS} runs into {self.baselines}, by the patch {patch}")

    def _command(
        self, name: str, *arguments: str, allow: set[int] | None = None, quiet: bool = False, check: bool = True
    ) -> int:
        """Run one command as a user would.

        Args:
            name: The command.
            arguments: Its arguments; target and output folder are added where the command takes them.
            allow: Exit codes, beside 0, that are a result here.
            quiet: Show its output only when it fails.
            check: Whether another exit code stops the demo.

        Returns:
            The exit code.
        """
        extra: tuple[str, ...] = ()
        if name in ("seed", "smoke", "load", "confirm"):
            extra = ("--target", "embedded")
            if "--out" not in arguments:
                extra += ("--out", str(self.out))
        module = f"chamiperf_ci.commands.{name.replace('-', '_')}"
        environment = {**os.environ, "CHAMIPERF_STATE_DIR": str((self.out / "stack").resolve())}
        result = subprocess.run(
            [sys.executable, "-m", module, *arguments, *extra],
            env=environment, check=False, text=True, stdin=subprocess.DEVNULL,
            # What stands in for standard output is not what a process inherits.
            stdout=subprocess.PIPE if quiet or not check else sys.stderr if sys.stdout is sys.stderr else None,
            stderr=subprocess.STDOUT if quiet or not check else None,
        )  # fmt: skip
        if check and result.returncode not in ({0} | (allow or set())):
            click.echo(result.stdout or "", err=True)
            failure = FAILURES.get(result.returncode, InvalidMeasurement)
            busy = " Stop other work on this machine, and run it again."
            raise failure(
                f"the step `{name}` ended with exit code {result.returncode}",
                where=f"chamiperf {' '.join((name, *arguments))}",
                remedy=f"Its own message stands above.{busy if result.returncode == ExitCode.INVALID else ''}",
            )
        return result.returncode

    def _say(self, text: str) -> None:
        click.secho(f"[{time.monotonic() - self._started:5.0f} s] {text}", bold=True, err=True)


def _refuse_hopeless(run: Run, folder: Path) -> None:
    """Stop at a run that the machine's other work has no part in: making it again would only hide why.

    Raises:
        InvalidMeasurement: With the run's own words.
    """
    for problem in run.problems:
        if problem.reason in NOT_BY_CHANCE:
            raise InvalidMeasurement(
                f"a run cannot be judged, {problem.reason}: {problem.text}",
                where=str(folder / "runs"),
                remedy=f"docs/verdicts.md says of {problem.reason} what to do.",
            )


def _names(rows: list[Row]) -> str:
    """`bootscript p95 (70 % slower)` for each row."""
    return ", ".join(
        f"{row.key.endpoint} {row.key.metric} "
        + (f"({abs(row.change.ratio):.0%} {'slower' if row.change.d > 0 else 'faster'})" if row.change else "(invalid)")
        for row in rows
    )
