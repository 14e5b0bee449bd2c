"""Measuring the suspects again, by fresh repeats or by pairs, and deciding once."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.console import Progress, clock
from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.adapters.http_client import require_allowed
from chamiperf_ci.adapters.k6 import StopRequest, find_k6
from chamiperf_ci.errors import ConfigurationError, ExitCode, Interrupted, InvalidMeasurement
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.plan import Load
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.render.terminal import Form
from chamiperf_ci.steps.compare import step as compare
from chamiperf_ci.steps.compare.judge import judge
from chamiperf_ci.steps.compare.scenarios import read_runs
from chamiperf_ci.steps.drill.measure import Drives
from chamiperf_ci.steps.load.drive import Output, drive
from chamiperf_ci.steps.load.request import SPIKE, LoadOptions, describe, read_profile
from chamiperf_ci.steps.lock import Claim, hold
from chamiperf_ci.steps.readiness import wait_until_ready
from chamiperf_ci.steps.seed.drive import Driver
from chamiperf_ci.steps.seed.fill import DesiredState, apply_seed, plan_seed
from chamiperf_ci.steps.server_metrics.collect import collector
from chamiperf_ci.steps.targets import resolve

_REMEDY = "Judge a new night with `chamiperf load` and `chamiperf compare`."


def choose(verdict: Verdict, named: Sequence[str], most: int) -> tuple[str, ...]:
    """Return the scenarios to measure again: those asked for, else the `most` most suspect ones; maybe none.

    Raises:
        ConfigurationError: The verdict is confirmed already, was made by the ADR's letter, or has no such scenario.
    """
    if verdict.stage == "confirmed":
        raise ConfigurationError(
            "the verdict is already confirmed; a night is confirmed once",
            where="--verdict",
            remedy=_REMEDY,
        )
    if verdict.gate == "adr":
        raise ConfigurationError(
            "gate `adr` decides on one run, so there is nothing to confirm",
            where="--verdict",
            remedy="Compare without `--gate adr` to have suspects measured again.",
        )
    known = [scenario.scenario for scenario in verdict.scenarios]
    unknown = [name for name in named if name not in known]
    if unknown:
        raise ConfigurationError(
            f"the verdict has no scenario {unknown[0]!r}", where="--scenario", remedy=f"Name one of {', '.join(known)}."
        )
    return tuple(dict.fromkeys(named)) or verdict.suspect_scenarios[:most]


READY_WITHIN_S = 300.0
SAMPLE = 100

SCRIPT_INHERITS = frozenset(
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "VIRTUAL_ENV",
     "SSL_CERT_FILE", "SSL_CERT_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "CI", "GITHUB_ACTIONS", "GITHUB_WORKSPACE",
     "GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "GITHUB_SHA", "GITHUB_REF", "GITHUB_REF_NAME", "GITHUB_HEAD_REF",
     "GITHUB_BASE_REF", "GITHUB_EVENT_NAME", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "RUNNER_TEMP", "RUNNER_TOOL_CACHE",
     "RUNNER_OS", "RUNNER_ARCH", "RUNNER_NAME"]
)  # fmt: skip
"""What a script gets without being asked. None is a secret, and none names a file that later steps of a job read."""
_SCRIPT_INHERITS_PREFIX = "LC_"


def run_script(script: Path, *, timeout_s: float, variables: Sequence[str] = ()) -> None:
    """Run a script that deploys the stack again, with the argument `head`; its output goes to standard error.

    It may build code under review, so it gets `SCRIPT_INHERITS` and `variables`, and no credential of the measurement.

    Args:
        script: The script.
        timeout_s: How long it may take, s.
        variables: Names of further variables that are handed on, where they are set.

    Raises:
        ConfigurationError: It cannot be run.
        InvalidMeasurement: It failed, or did not end in time.
    """
    command = [str(script.resolve()), "head"]
    handed = {*SCRIPT_INHERITS, *variables}
    environment = {
        name: value for name, value in os.environ.items() if name in handed or name.startswith(_SCRIPT_INHERITS_PREFIX)
    }
    try:
        done = subprocess.run(
            command, stdout=sys.stderr, stdin=subprocess.DEVNULL, timeout=timeout_s, check=False, env=environment
        )
    except OSError as error:
        raise ConfigurationError(
            f"the script cannot be run: {error.strerror}", where=str(script), remedy="Name an executable file."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise InvalidMeasurement(
            f"the new deployment was not ready after {timeout_s:g} s",
            where=str(script),
            remedy="Give it longer with --redeploy-timeout, or find out why it hangs.",
        ) from error
    if done.returncode:
        raise InvalidMeasurement(
            f"the new deployment failed: exit code {done.returncode}", where=str(script), remedy="Its output is above."
        )


def ready_and_seeded(
    given: TargetOptions, seed_file: Path, claim: Claim | None, k6: str | None, say: Callable[[str], None]
) -> None:
    """Wait until the stack is ready, and put in again what the first run had; what is still there stays.

    A new deployment has lost the lock too: it is held while seeding, if there is a claim.

    Raises:
        ToolkitError: As `wait` and `seed`.
    """
    target = resolve(given)
    require_allowed(target)
    before = read_document(seed_file, Seed, remedy="Run `chamiperf seed` first, or name its file with --seed-file.")
    with Chamicore(target, retry=RetryPolicy(timeout_s=5.0, retries=0)) as client:
        wait_until_ready(client, timeout_s=READY_WITHIN_S, say=say)
    with (
        StopRequest() as stop,
        Chamicore(target) as client,
        nullcontext() if claim is None else hold(client, claim, say=say),
    ):
        driver = Driver(target, client.dialect, find_k6(k6), stop)
        # Whether these nodes may be on this stack, and in its Kea, was decided when they were first seeded.
        desired = DesiredState(
            before.nodes, SAMPLE, shared_stack=before.shared is not None, allow_dhcp=before.dhcp_allowed
        )
        apply_seed(client, driver, seed_file, plan_seed(client, seed_file, desired, stop), desired)


def replay(run: Run, load: Load) -> dict[str, Any]:
    """Return fields of `load`'s options.

    What equals the profile is left to the profile, so that a profile's own rules (shorter pairs) still apply. Whether
    the repeat is one is checked afterwards, by its fingerprint.
    """
    done, planned = run.fingerprint.parameters, describe(load)
    changed = {name: value for name, value in done.items() if planned.get(name) != value}
    given: dict[str, Any] = {
        "scenarios": (run.scenario,),
        "profile": run.fingerprint.profile,
        "connections": run.fingerprint.connections,
        "durations_s": _durations(load, done, changed),
        "settings": {name: changed[name] for name in load.parameters if name in changed},
    }
    for name, option in (("pace_s", "pace"), ("windows", "windows"), ("request_timeout_s", "request_timeout")):
        if name in changed:
            given[option] = changed[name]
    for ending, option in (("_vus", "vus"), ("_per_s", "rate")):
        levels = {name.removesuffix(ending): value for name, value in changed.items() if name.endswith(ending)}
        others = [levels[name] for name in _held(load) if name in levels]
        given |= {option: others[0]} if others else {}
        given |= {f"spike_{option}": levels[SPIKE]} if SPIKE in levels else {}
    iterations = [value for name, value in changed.items() if name.endswith("_iterations")]
    given |= {"iterations": iterations[0]} if iterations else {}
    herds = [phase.name for phase in load.phases if (f"{phase.name}_herd" in done) != (f"{phase.name}_herd" in planned)]
    given |= {"herd": f"{herds[0]}_herd" in done} if herds else {}
    return given


def _held(load: Load) -> list[str]:
    """The phases whose level an option sets directly: not the spike, nor one that falls from whatever came before."""
    return [phase.name for phase in load.phases if phase.name != SPIKE and 0 not in (phase.to_vus, phase.to_rate)]


def _durations(load: Load, done: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, float]:
    """Durations that differ; a phase that the run did not have was left out of it."""
    keys = {phase.name: f"{phase.name}_s" for phase in load.phases}
    return {name: done.get(key, 0.0) for name, key in keys.items() if key in changed or key not in done}


REPEATS = 2
"""With the night's own run these are the three that a regression needs."""
PAIRS = 5
WATCHED: Drives = partial(drive, collectors=collector)
"""Drives a load and reads the services' metrics meanwhile, as the night's own was: targets look at all of its runs."""

_FIRST_KINDS = (RunKind.NIGHT, RunKind.QUICK, RunKind.DRILL)


@dataclass(frozen=True, slots=True)
class ConfirmOptions:
    """What is asked of `confirm`.

    Attributes:
        verdict: The first look's file; the final verdict takes its place.
        runs: Folder of the runs that it judged; the repeats are written beside them.
        baselines: The file that it was judged by.
        history: Folder with the nights before, or None.
        target: The stack.
        claim: Who asks for its lock; None leaves it alone.
        by: Fresh repeats, or pairs of old and new.
        scenarios: Scenarios to measure again whatever the first look says; empty for the suspects.
        max_scenarios: How many suspects at most.
        min_gap_s: Seconds between the end of a scenario's run and the start of its repeat.
        seed_file: What was seeded; None for the file beside the verdict.
        redeploy: Script that deploys the stack again before each repeat.
        redeploy_timeout_s: How long it may take.
        redeploy_env: Names of variables that it gets besides `SCRIPT_INHERITS`.
        against: Of pairs: the old side's target.
        against_seed_file: What was seeded there.
        k6: The k6 to use, or None.
        say: Where progress goes.
        form: How much of the verdict is printed.
    """

    verdict: Path
    runs: Path
    baselines: Path
    history: Path | None
    target: TargetOptions
    claim: Claim | None
    by: Literal["repeats", "pairs"]
    scenarios: tuple[str, ...]
    max_scenarios: int
    min_gap_s: float
    seed_file: Path | None
    redeploy: Path | None
    redeploy_timeout_s: float
    redeploy_env: tuple[str, ...]
    against: str | None
    against_seed_file: Path | None
    k6: str | None
    say: Callable[[str], None]
    form: Form = "all"

    @property
    def seeded(self) -> Path:
        """The file that says what was seeded."""
        return self.seed_file or self.verdict.parent / "seed.json"


def confirm(options: ConfirmOptions, drives: Drives = WATCHED) -> ExitCode:
    """Measure the suspects again, decide once, and return the night's exit code.

    Raises:
        ConfigurationError: The verdict, the runs and the baselines do not belong together.
        InvalidMeasurement: A new deployment failed, the stack is gone, or the clock was set back.
    """
    first = files.read_document(options.verdict, Verdict, remedy="Make it with `chamiperf compare`.")
    chosen = choose(first, options.scenarios, options.max_scenarios)
    rules = compare.CompareOptions(options.baselines, options.history, first.gate, first.fail_on)
    nights = _runs_of(first, options.runs)
    _require_same_baselines(first, options.baselines)
    if not chosen:
        options.say("Nothing is suspect, so nothing is measured again.")
        return compare.show(first, options.verdict, form=options.form)
    _require_possible(options)
    _clear(options.runs, chosen)
    measure = _pairs if options.by == "pairs" else _repeats
    measure(options, [nights[name] for name in chosen], drives)
    verdict = judge(compare.read_input(read_runs([options.runs]), rules)).verdict
    files.write_document(options.verdict, verdict)
    return compare.show(verdict, options.verdict, form=options.form)


def _require_possible(options: ConfirmOptions) -> None:
    if options.by == "pairs" and options.against is None:
        raise ConfigurationError(
            "pairs need the old build beside the new one",
            where="--against",
            remedy="Name its target of chamiperf.toml, or use --by repeats.",
        )
    if options.runs.name != "runs":
        raise ConfigurationError(
            "repeats are written into a folder called runs, beside the runs that they repeat",
            where=str(options.runs),
            remedy="Give the folder that `chamiperf load` has written.",
        )


def _repeats(options: ConfirmOptions, nights: list[Run], drives: Drives) -> None:
    """Two more runs of each scenario, all scenarios once before any of them twice, so that they lie further apart."""
    due = {night.scenario: time.monotonic() + _left(options, night) for night in nights}
    waiting = list(nights)
    for number in range(1, REPEATS + 1):
        if options.redeploy is not None:
            options.say(f"Deploying again: {options.redeploy}")
            run_script(options.redeploy, timeout_s=options.redeploy_timeout_s, variables=options.redeploy_env)
            ready_and_seeded(options.target, options.seeded, options.claim, options.k6, options.say)
        for night in list(waiting):
            _keep_apart(options, night.scenario, due[night.scenario] - time.monotonic())
            options.say(f"Measuring {night.scenario} again ({number} of {REPEATS})")
            ending = f".repeat-{number}"
            code = drives(_load_options(options, night, kind=RunKind.REPEAT, file_ending=ending), _output(options))
            due[night.scenario] = time.monotonic() + options.min_gap_s
            if code is not ExitCode.OK:
                # A repeat that cannot be judged leaves too few to decide on; one that was cut off ends everything.
                waiting.remove(night)
                if not _is_whole(options.runs / f"{night.scenario}{ending}.json"):
                    return


def _pairs(options: ConfirmOptions, nights: list[Run], drives: Drives) -> None:
    """Five pairs of each scenario, old and new alternating."""
    for night in nights:
        options.say(f"Measuring {night.scenario} again by {PAIRS} pairs, old against new")
        load = _load_options(
            options,
            night,
            pairs=PAIRS,
            against=options.against,
            against_seed_file=options.against_seed_file,
        )
        if drives(load, _output(options)) is not ExitCode.OK:
            return


def _load_options(options: ConfirmOptions, night: Run, **changes: Any) -> LoadOptions:  # noqa: ANN401 - fields of many types
    """The options of `load` that do again what a run did."""
    load = read_profile(night.fingerprint.profile).scenarios[night.scenario]
    return LoadOptions(
        target=options.target,
        out=options.runs.parent,
        seed_file=options.seeded,
        k6=options.k6,
        claim=options.claim,
        **replay(night, load),
        **changes,
    )


def _output(options: ConfirmOptions) -> Output:
    return Output(result=options.say, progress=options.say)


def _left(options: ConfirmOptions, night: Run) -> float:
    """The seconds between now and a night's first repeat; the whole gap where the clock tells no better.

    Raises:
        InvalidMeasurement: The clock is so far behind that even after the gap a repeat would seem older than its run.
    """
    now = datetime.now(UTC)
    before = (night.started_at - now).total_seconds()
    if before > options.min_gap_s:
        # Set back since the run, or another machine's: the comparison would leave out every repeat.
        raise InvalidMeasurement(
            f"the clock is {before:.0f} s behind the start of the run that is to be repeated",
            where=night.scenario,
            remedy="Set it right, and run `chamiperf load` again.",
        )
    since = (now - night.ended_at).total_seconds()
    if since < 0:
        options.say(f"The clock is {-since:.0f} s behind the end of {night.scenario}: was it set back?")
    return options.min_gap_s - max(since, 0.0)


def _keep_apart(options: ConfirmOptions, scenario: str, left: float) -> None:
    """Wait for so many seconds, so that a repeat is independent of the run before it.

    Raises:
        Interrupted: Asked to stop while waiting.
    """
    if left <= 0:
        return
    options.say(f"Waiting {left:.0f} s, so that {scenario} is not repeated back to back")
    with StopRequest() as stop, Progress("confirm", logged=False) as shown:
        while left > 0:
            shown.show("", f"waiting before {scenario} is repeated, {clock(left)} left")
            step = min(left, 1.0) if shown.on_terminal else left
            left -= step
            if not stop.wait(step):
                continue
            raise Interrupted("interrupted before the repeat", where=scenario, remedy="Run `chamiperf confirm` again.")


def _is_whole(path: Path) -> bool:
    """Whether a run came to its planned end; one that is missing did not."""
    return path.exists() and files.read_document(path, Run).complete


def _runs_of(verdict: Verdict, folder: Path) -> dict[str, Run]:
    """The runs that the first look judged, by scenario."""
    judged = {scenario.scenario: scenario.runs[0] for scenario in verdict.scenarios}
    found = {run.scenario: run for run in read_runs([folder]) if run.run_kind in _FIRST_KINDS}
    strangers = [name for name, run_id in judged.items() if name not in found or found[name].run_id != run_id]
    if strangers:
        raise ConfigurationError(
            f"the run of {strangers[0]} is not the one that the verdict judged",
            where=str(folder),
            remedy="Compare again, and confirm that verdict.",
        )
    return found


def _require_same_baselines(verdict: Verdict, path: Path) -> None:
    if files.read_document(path, Baselines, remedy=compare.RESTORE).digest() != verdict.baselines_digest:
        raise ConfigurationError(
            "baselines.json has changed since the first look",
            where=str(path),
            remedy="Compare again, and confirm that verdict.",
        )


def _clear(folder: Path, scenarios: tuple[str, ...]) -> None:
    """Remove repeats and pairs that an earlier night, or an interrupted confirmation, left behind."""
    for scenario in scenarios:
        for pattern in (f"{scenario}.repeat-*.json", f"{scenario}.pair-*.json"):
            for path in folder.glob(pattern):
                path.unlink(missing_ok=True)
