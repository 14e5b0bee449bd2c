"""k6 from start to end: what it was told, what became of it, what its exit code means."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.console import Progress, clock
from chamiperf_ci.adapters.k6.command import K6Run
from chamiperf_ci.adapters.k6.process import (
    K6Process,
    LogMessage,
    ResourceSample,
    ResourceSampler,
    StopOrder,
    StopRequest,
    read_log,
)


class EndKind(StrEnum):
    """How a k6 process came to its end, as far as a measurement is concerned."""

    COMPLETE = "complete"
    """The script ran as planned."""
    STOPPED = "stopped"
    """Stopped from outside; the summary holds what was measured until then."""
    MISCONFIGURED = "misconfigured"
    """k6 refused its options or the script; no load was made."""
    THREW = "threw"
    """An exception of the script ended it: a bug of the script, or of an answer that it does not expect."""
    FAILED = "failed"
    """Something broke while it ran."""
    KILLED = "killed"
    """Ended by a signal that leaves no summary."""


@dataclass(frozen=True, slots=True)
class ExitMeaning:
    """One exit code, for people and for the decision that follows."""

    ending: EndKind
    text: str


_MEANINGS = {
    0: ExitMeaning(EndKind.COMPLETE, "finished"),
    97: ExitMeaning(EndKind.FAILED, "the cloud test run failed"),
    98: ExitMeaning(EndKind.FAILED, "the cloud's progress could not be read"),
    # Thresholds only make k6 compute sub-metrics here; a crossed one is still a whole measurement.
    99: ExitMeaning(EndKind.COMPLETE, "finished; a threshold of the script was crossed"),
    100: ExitMeaning(EndKind.FAILED, "the script's setup() took too long"),
    101: ExitMeaning(EndKind.FAILED, "the script's teardown() took too long"),
    102: ExitMeaning(EndKind.FAILED, "a step of k6 timed out (handleSummary is given 120 s before k6 2.2)"),
    103: ExitMeaning(EndKind.STOPPED, "stopped through k6's REST API"),
    104: ExitMeaning(EndKind.MISCONFIGURED, "k6 refused its configuration"),
    105: ExitMeaning(EndKind.STOPPED, "stopped by a signal"),
    106: ExitMeaning(EndKind.FAILED, "k6's REST API could not be started (its port was taken)"),
    107: ExitMeaning(EndKind.THREW, "the script threw an exception"),
    108: ExitMeaning(EndKind.STOPPED, "the script stopped itself (exec.test.abort)"),
    109: ExitMeaning(EndKind.FAILED, "k6 itself crashed (Go panic)"),
    110: ExitMeaning(EndKind.STOPPED, "the script marked its run as failed (exec.test.fail)"),
    255: ExitMeaning(EndKind.FAILED, "k6 failed without its own exit code"),
}


def meaning_of(code: int) -> ExitMeaning:
    """Say what an exit code means.

    Args:
        code: As `subprocess` reports it: 0 to 255, or minus the number of the signal that ended the process.
    """
    if code in _MEANINGS:
        return _MEANINGS[code]
    if code == -signal.SIGKILL:
        return ExitMeaning(EndKind.KILLED, "killed (SIGKILL); the usual sender is the kernel, out of memory")
    if code < 0:
        return ExitMeaning(EndKind.KILLED, f"ended by {_signal_name(-code)}")
    return ExitMeaning(EndKind.FAILED, "k6 ended with a code that is not known here")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


INTERRUPTED = "interrupted"
TIMED_OUT = "timed-out"
_NEVER = float("inf")

_LOOK_S = 0.05
_VITALS_EVERY_S = 0.5
_COUNT_EVERY_S = 1.0
_SUMMARY_TAKES_S = 150.0
"""k6 gives handleSummary 120 s; until then a stop that is not the user's may take its time."""
_WRITING_TAKES_S = 1.0
"""Kept back, of the seconds that a signal leaves, for writing what was measured."""


REQUESTS = "http_reqs"
"""k6's own Counter."""
FAILED = "chamiperf_failed"
"""The scripts' Counter of failed requests."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at running load."""

    load_s: float
    """Seconds since the load began, after k6 had made its VUs; 0 before."""
    counts: dict[str, float]
    """Counters and gauges by name, of all processes together; a name without an answer is absent."""
    vitals: ResourceSample


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of a load, for its progress.

    Attributes:
        name: Its name.
        end_s: When it ends, seconds since the load began.
        requests_per_s: What is planned; 0 where nothing fixes it.
    """

    name: str
    end_s: float
    requests_per_s: float = 0.0


Watcher = Callable[[Observation], StopOrder | None]
"""Looks at the load once a second; an order stops it gracefully."""


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How one process ended."""

    code: int
    summary: dict[str, Any] | None
    """What its handleSummary wrote; None if that is missing or not whole."""


@dataclass(frozen=True, slots=True)
class K6Outcome:
    """What is left when k6 has ended, of one process or of several that shared the load."""

    ends: tuple[ProcessEnd, ...]
    started_at: datetime
    load_started_at: datetime | None
    """When the load began, seen to a quarter of a second; None if it never did, or ended before the first look."""
    ended_at: datetime
    load_began_s: float | None
    """The same as seconds after the start, on the scale of `vitals`."""
    order: StopOrder | None
    """Why it was stopped before its end, if it was: a watcher's reason, `interrupted` or `timed-out`."""
    vitals: tuple[ResourceSample, ...]
    said: tuple[LogMessage, ...]
    """k6's warnings and errors."""
    log: Path
    """The first process's log."""

    @property
    def load_ended_at(self) -> datetime | None:
        """When the load ended, by the clock by which it began: one that is set before it begins moves both."""
        if self.load_started_at is None:
            return None
        return self.load_started_at + (self.ended_at - self.started_at) - timedelta(seconds=self.load_began_s or 0.0)

    @property
    def ending(self) -> EndKind:
        """The worst ending of the processes."""
        endings = {meaning_of(end.code).ending for end in self.ends}
        return next(ending for ending in reversed(EndKind) if ending in endings)

    @property
    def code(self) -> int:
        """The exit code of the process with the worst ending."""
        return next(end.code for end in self.ends if meaning_of(end.code).ending is self.ending)

    @property
    def summary(self) -> dict[str, Any] | None:
        """The first process's summary."""
        return self.ends[0].summary

    @property
    def errors(self) -> tuple[LogMessage, ...]:
        """What k6 said above a warning."""
        return tuple(said for said in self.said if said.level != "warning")

    @property
    def thrown(self) -> tuple[LogMessage, ...]:
        """Exceptions of the script; an iteration that ends in one counts for k6 like any other."""
        return tuple(said for said in self.said if said.thrown)

    @property
    def text(self) -> str:
        """One sentence on the end, with k6's own words where there are any."""
        said = self.thrown or self.errors
        words = f": {said[0].text}" if said and self.ending is not EndKind.COMPLETE else ""
        worst = next(index for index, end in enumerate(self.ends) if end.code == self.code)
        which = f" of process {worst + 1} of {len(self.ends)}" if len(self.ends) > 1 else ""
        return f"k6 exit code {self.code}{which}, {meaning_of(self.code).text}{words}"


def run_k6(
    runs: K6Run | Sequence[K6Run],
    stop: StopRequest,
    *,
    label: str = "k6",
    watch: Watcher | None = None,
    counters: Sequence[str] = (REQUESTS,),
    own_pids: Sequence[int] = (),
    stages: Sequence[Stage] = (),
    requests: int = 0,
) -> K6Outcome:
    """Run k6 and come back when it has ended, however it ended.

    A signal seen by `stop` lets k6 end gracefully for as long as the 7 s last, less what writing takes; then it is
    killed and its summary given up. An order of the watcher, and the run's time-out, give the summary the time that
    k6 itself gives it.

    Args:
        runs: One process, or the segments of one load.
        stop: The request to stop, entered by the caller.
        label: Names the load in the progress.
        watch: Looks at it once a second.
        counters: Names of the k6 Counters and Gauges that the watcher and the progress want; `http_reqs` among them.
        own_pids: Processes on this machine that belong to the experiment as k6 does, such as an embedded stack's.
        stages: What the load goes through, for its progress.
        requests: How many requests it takes, where that is its end; 0 where time is.

    Raises:
        ConfigurationError: k6 could not be started.
    """
    every = [runs] if isinstance(runs, K6Run) else list(runs)
    started_at, began = datetime.now(UTC), time.monotonic()
    processes: list[K6Process] = []
    try:
        processes.extend(K6Process(run) for run in every)
        supervision = _Supervision(processes, stop, watch, counters, own_pids)
        with Progress(label) as shown:
            said = LoadProgress(stages, requests)
            supervision.watch_processes(lambda seen: shown.show(*said.of(seen)), timeout_s=every[0].timeout_s)
    finally:
        for process in processes:
            process.kill()
    return K6Outcome(
        ends=tuple(ProcessEnd(process.code, _take_summary(process.run)) for process in processes),
        started_at=started_at,
        load_started_at=supervision.load_started_at,
        load_began_s=supervision.load_began_s,
        # A clock that is set meanwhile would end the run before it began.
        ended_at=started_at + timedelta(seconds=time.monotonic() - began),
        order=supervision.order,
        vitals=tuple(supervision.vitals),
        said=tuple(said for process in processes for said in read_log(process.run.log)),
        log=every[0].log,
    )


class LoadProgress:
    """A load's progress in words: stage, time left, requests a second of those planned, failures, VUs, generator.

    Args:
        stages: What the load goes through; empty where nothing is known of them.
        requests: How many requests it takes; 0 where time is its end.
    """

    def __init__(self, stages: Sequence[Stage] = (), requests: int = 0) -> None:
        self._stages = stages
        self._requests = requests
        self._before = (0.0, 0.0)

    def of(self, seen: Observation) -> tuple[str, str]:
        """Return the stage, and the figures."""
        total = seen.counts.get(REQUESTS, 0.0)
        at, before = self._before
        # The first look may come within a millisecond of the start.
        rate = (total - before) / (seen.load_s - at) if seen.load_s - at > _LOOK_S else 0.0
        self._before = (seen.load_s, total)
        stage = next((each for each in self._stages if seen.load_s < each.end_s), None)
        if not seen.load_s:
            name, left = "starting", ""
        elif stage is not None:
            name, left = stage.name, f"{clock(stage.end_s - seen.load_s)} left"
        else:
            name, left = ("ending", "") if self._stages else ("", self._by_requests(total, rate))
        failed = next((value for counter, value in seen.counts.items() if counter.endswith("failed")), None)
        planned = f" of {stage.requests_per_s:,.0f}" if stage is not None and stage.requests_per_s else ""
        parts = (
            left,
            f"{rate:,.0f}{planned}/s" if seen.load_s else "",
            "" if failed is None or not total else f"{100 * failed / total:.3g} % failed",
            f"{seen.counts['vus']:,.0f} VUs" if "vus" in seen.counts else "",
            f"k6 {seen.vitals.cpu_percent:.0f} % CPU, {seen.vitals.rss_mb:,.0f} MB",
        )
        return name, "  ".join(part for part in parts if part)

    def _by_requests(self, total: float, rate: float) -> str:
        if not self._requests:
            return ""
        done = f"{total:,.0f} of {self._requests:,} requests"
        return f"{done}, {clock(max(0.0, self._requests - total) / rate)} left" if rate > 0 else done


class _Supervision:
    """The state of a load while it runs."""

    def __init__(
        self,
        processes: Sequence[K6Process],
        stop: StopRequest,
        watch: Watcher | None,
        counters: Sequence[str],
        own_pids: Sequence[int],
    ) -> None:
        self._processes = processes
        self._stop = stop
        self._watch = watch
        self._counters = counters
        self._sampler = ResourceSampler((os.getpid(), *own_pids))
        self._began = time.monotonic()
        self._load_began: float | None = None
        self._paused = len(processes) > 1
        self._kill_at = _NEVER
        self.load_started_at: datetime | None = None
        self.order: StopOrder | None = None
        self.vitals: list[ResourceSample] = []

    @property
    def load_began_s(self) -> float | None:
        """Seconds from the start of the processes to that of the load."""
        return None if self._load_began is None else self._load_began - self._began

    def watch_processes(self, show: Callable[[Observation], None], *, timeout_s: float) -> None:
        """Look at the processes until none runs."""
        next_vitals = self._began + _VITALS_EVERY_S
        next_count = self._began + _COUNT_EVERY_S
        while not all(process.ended for process in self._processes):
            now = time.monotonic()
            self._check_stop(now - self._began, timeout_s)
            if now >= self._kill_at:
                return
            pids = [process.k6_pid for process in self._processes]
            self._sampler.look(pids)
            if now >= next_vitals:
                # From now, not from when it was due: looks that catch up would measure CPU over no time at all.
                next_vitals = now + _VITALS_EVERY_S
                self.vitals.append(self._sampler.sample(pids))
                self._detect_start()
            if now >= next_count and self.vitals:
                next_count = now + _COUNT_EVERY_S
                self._observe(show)
            time.sleep(_LOOK_S)

    def _check_stop(self, elapsed_s: float, timeout_s: float) -> None:
        """Stop if the user, the time-out, or the end of another segment says so."""
        if self._stop.requested:
            if self.order is None:
                self._give(StopOrder(INTERRUPTED, f"interrupted by {self._stop.by}"))
            self._kill_at = min(self._kill_at, time.monotonic() + self._stop.seconds_left() - _WRITING_TAKES_S)
        elif self.order is None and elapsed_s > timeout_s:
            self._give(StopOrder(TIMED_OUT, f"k6 was still running after {timeout_s:.0f} s"))
        elif self.order is None and any(_broke(process) for process in self._processes):
            # One of several segments died: the others would go on with a part of the load.
            self._kill_at = min(self._kill_at, time.monotonic() + _SUMMARY_TAKES_S)
            self._stop_all()

    def _give(self, order: StopOrder) -> None:
        self.order = order
        self._kill_at = time.monotonic() + _SUMMARY_TAKES_S
        self._stop_all()

    def _stop_all(self) -> None:
        for process in self._processes:
            process.stop()

    def _detect_start(self) -> None:
        if self._load_began is not None:
            return
        if self._paused and all(process.live.waiting() for process in self._processes):
            for process in self._processes:
                process.live.resume()
            self._paused = False
        if any(process.live.running() for process in self._processes):
            self._load_began = time.monotonic()
            self.load_started_at = datetime.now(UTC)

    def _count(self) -> dict[str, float]:
        counts: dict[str, float] = {}
        for name in self._counters:
            total = 0.0
            for process in self._processes:
                answer = process.live.count(name)
                if answer is None:
                    # k6 is too busy, or gone; a signal must not wait for more questions.
                    return counts
                total += answer
            counts[name] = total
        return counts

    def _observe(self, show: Callable[[Observation], None]) -> None:
        load_s = 0.0 if self._load_began is None else time.monotonic() - self._load_began
        observation = Observation(load_s, self._count(), self.vitals[-1])
        show(observation)
        if self._watch is not None and self.order is None:
            order = self._watch(observation)
            if order is not None:
                self._give(order)


def _broke(process: K6Process) -> bool:
    return process.ended and meaning_of(process.code).ending is not EndKind.COMPLETE


def _take_summary(run: K6Run) -> dict[str, Any] | None:
    """Read the summary and remove its file: what is kept of it is the caller's document."""
    try:
        summary = bounds.parse_json(bounds.read(run.summary))
    except (OSError, ValueError):
        return None
    run.summary.unlink(missing_ok=True)
    return summary if isinstance(summary, dict) else None
