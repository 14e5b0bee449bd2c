"""A running k6: its processor time and memory, its API, its log, and how it is stopped."""

import contextlib
import http.client
import json
import math
import os
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Self

import psutil

from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.http_client import read_ca
from chamiperf_ci.adapters.k6.command import K6Run, arguments, environment
from chamiperf_ci.adapters.machine import allowances, available_mb, usable_cores
from chamiperf_ci.errors import ConfigurationError, Interrupted

_ANSWER_S = 0.5
_MOST_ANSWER = 1_000_000
_PAUSED_BEFORE_RUN, _SETUP = 4, 6
"""Of k6's execution states."""


def free_address() -> str:
    """A loopback address that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class LiveK6:
    """The REST API of one k6 process; every question may go unanswered, because the process starts, stalls and ends."""

    def __init__(self, address: str) -> None:
        self._address = address

    def count(self, counter: str) -> float | None:
        """The present value of a Counter or Gauge; 0 before its first sample, None without an answer."""
        status, body = self._ask("GET", f"/v1/metrics/{counter}")
        if status == http.client.NOT_FOUND:
            return 0.0
        sample = _at(body, "data", "attributes", "sample")
        if not isinstance(sample, dict):
            return None
        value = sample.get("count", sample.get("value"))
        return float(value) if isinstance(value, int | float) else None

    def running(self) -> bool:
        """Whether the load has begun and not ended; while the script sets up it has not."""
        state = _at(self._ask("GET", "/v1/status")[1], "data", "attributes")
        return _at(state, "running") is True and _at(state, "status") != _SETUP

    def waiting(self) -> bool:
        """Whether a process that was started paused has made its VUs and waits for `resume`."""
        return bool(_at(self._ask("GET", "/v1/status")[1], "data", "attributes", "status") == _PAUSED_BEFORE_RUN)

    def resume(self) -> bool:
        """Let a process that was started paused begin; False if it did not hear."""
        body = {"data": {"type": "status", "id": "default", "attributes": {"paused": False}}}
        return self._ask("PATCH", "/v1/status", json.dumps(body))[0] == http.client.OK

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self._address, timeout=_ANSWER_S)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, bounds.parse_json(answer.read(_MOST_ANSWER))
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()


def _at(value: Any, *keys: str) -> Any:  # noqa: ANN401 - JSON of any shape
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


_REAP_S = 10.0
_LOOKS, _LOOK_EVERY_S = 20, 0.5
"""So often k6 is looked for below a wrapper; what does not listen by then runs elsewhere. A look reads every connection
of the machine, which takes milliseconds."""


class K6Process:
    """Starts k6 at once.

    k6 gets a session of its own, so that Ctrl-C on the terminal reaches only us, and a second SIGINT does not make it
    drop its summary. The kernel kills it when the thread that made this object ends, however it ends: keep that thread
    until `ended`.

    Raises:
        ConfigurationError: The folder cannot be written.
    """

    def __init__(self, run: K6Run) -> None:
        self.run = run
        try:
            address = free_address()
        except OSError as error:
            raise ConfigurationError(
                f"k6 cannot be watched: {error.strerror or error}",
                where="127.0.0.1",
                remedy="Bring the loopback interface up: ip link set lo up.",
            ) from error
        self.live = LiveK6(address)
        self._port, self._found = int(address.rpartition(":")[2]), 0
        self._looks, self._look_at = _LOOKS, time.monotonic() + _LOOK_EVERY_S
        try:
            run.folder.mkdir(parents=True, exist_ok=True)
            run.summary.unlink(missing_ok=True)
            run.config.write_text("{}\n", encoding="utf-8")
            if run.ca_file is not None:
                run.trusted.write_text(read_ca(run.ca_file), encoding="ascii")
            with run.log.open("wb") as log:
                self._process = subprocess.Popen(
                    arguments(run, address=address, parent=os.getpid()),
                    env=environment(run),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise ConfigurationError(
                f"k6 cannot be started: {error.strerror or error}",
                where=str(error.filename or run.folder),
                remedy="Give an output folder that is writable and has room (--out).",
            ) from error
        self._graceful = False

    @property
    def pid(self) -> int:
        """The process id, of the launcher and then of k6."""
        return self._process.pid

    @property
    def k6_pid(self) -> int:
        """The process id of k6 itself, which is below the one that was started where a wrapper was given as k6.

        It is the one that listens at the API's address. Until it does, and if it is none of ours (in a container), the
        one that was started stands for it.
        """
        if not self._found and self._looks and time.monotonic() >= self._look_at and not self.ended:
            self._looks, self._look_at = self._looks - 1, time.monotonic() + _LOOK_EVERY_S
            self._found = _listener(self.pid, self._port)
        return self._found or self.pid

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self._process.poll() is not None

    @property
    def code(self) -> int:
        """Its exit code, or minus the signal that ended it; only once it has ended."""
        if self._process.returncode is None:
            raise RuntimeError("k6 still runs")
        return self._process.returncode

    def stop(self) -> None:
        """Ask once for a graceful stop: no new iterations, then the summary."""
        if not self._graceful and not self.ended:
            self._graceful = True
            # A shell that waits for k6 would not hand the signal on: look for k6 now, whenever the next look is due.
            self._look_at = 0.0
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.k6_pid, signal.SIGINT)

    def kill(self) -> None:
        """End it at once, with what a wrapper has started; the summary is given up."""
        if not self.ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(_REAP_S)


def _listener(pid: int, port: int) -> int:
    """The process that listens at a port, of one and all below it; 0 where none does."""
    try:
        started = psutil.Process(pid)
        every = [started, *started.children(recursive=True)]
    except psutil.Error:
        return 0
    for each in every:
        with contextlib.suppress(psutil.Error):
            if any(
                socket_.status == psutil.CONN_LISTEN and socket_.laddr.port == port
                for socket_ in each.net_connections("tcp4")
            ):
                return each.pid
    return 0


KEEP_WITHIN_S = 7.0
"""From the first signal until what was measured is on disk."""


@dataclass(frozen=True, slots=True)
class StopOrder:
    """Why running load is to stop before its end."""

    reason: str
    """A word to decide by; `load` uses the values of RunReason."""
    text: str
    """A sentence for people, with the numbers."""


class StopRequest:
    """Set by the first SIGINT, SIGTERM or SIGHUP while it is entered; later signals change nothing, nor after that.

    After a signal the command only leaves: GitHub's second one must not end it with another code than its own.
    Outside the main thread, where Python allows no signal handlers, it is never set by a signal. A SIGHUP
    that is ignored already, as under `nohup`, stays ignored.
    """

    def __init__(self) -> None:
        self._at: float | None = None
        self._signal = ""
        self._signalled = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # One that is entered within another hands back to it.
            is_outermost = handler in (signal.SIG_DFL, signal.default_int_handler)
            signal.signal(number, signal.SIG_IGN if self._signalled and is_outermost else handler)
        self._before.clear()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signalled = True
        self.request(signal.Signals(number).name)

    def request(self, by: str) -> None:
        """Ask for the stop; only the first call counts."""
        if self._at is None:
            self._signal = by
            self._at = time.monotonic()

    @property
    def requested(self) -> bool:
        """Whether a stop was asked for."""
        return self._at is not None

    @property
    def by(self) -> str:
        """The signal's name, such as `SIGTERM`; empty while nothing was asked for."""
        return self._signal

    def seconds_left(self) -> float:
        """Seconds until what was measured must be on disk; infinite while nothing was asked for."""
        return float("inf") if self._at is None else self._at + KEEP_WITHIN_S - time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond a request to stop; True if there was one."""
        end = time.monotonic() + seconds
        while not self.requested and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        return self.requested

    def check(self, doing: str) -> None:
        """Stop here if that was asked for.

        Raises:
            Interrupted: It was; nothing that was begun is kept beyond what is on disk.
        """
        if self.requested:
            raise Interrupted(f"interrupted by {self._signal}", where=doing, remedy="Run the command again.")


_MB = 1e6


@dataclass(frozen=True, slots=True)
class ResourceSample:
    """One look at the generator."""

    at_s: float
    """Seconds since the processes were started."""
    cpu_percent: float
    """Of one core, all processes together, since the look before."""
    machine_cpu_percent: float
    """Of all cores, everything on the machine, since the look before."""
    rss_mb: float
    """Resident memory of all processes, MB (10^6 bytes)."""
    available_mb: float
    """Memory that the machine could still give, MB."""
    foreign_cpu_percent: float
    """Of all cores, since the look before: what neither these processes nor those that belong to them used. What the
    machine's host took away for other guests (steal) is part of it."""
    usable_cores: float = math.inf
    """Processors that k6 may use, all processes together; what its affinity, quotas and GOMAXPROCS leave of them."""
    used_share: float = 0.0
    """Of what it may use, by the process that is nearest to its limit, or by all together if that is more; 0 to 1."""
    wanted_share: float = 0.0
    """How long k6's threads ran or waited for a processor since the look before, of the time of all processors on which
    they may run at once, by the process that wanted most; 0 where the kernel does not say."""
    stopped_share: float = 0.0
    """How many of the short looks since the look before found a process of k6 stopped, as by `kill -STOP`."""


class ResourceSampler:
    """Takes the vitals of a load generator's processes; one that has ended counts as nothing.

    Args:
        own_pids: Those of the same experiment, such as the tool's own and an embedded stack's: not foreign.
    """

    def __init__(self, own_pids: Sequence[int] = ()) -> None:
        self._start = time.monotonic()
        self._own = [found for pid in own_pids if (found := _Watched.of(pid))]
        self._generators: dict[int, _Watched] = {}
        self._looks = self._stopped = 0
        psutil.cpu_percent()

    def look(self, pids: Sequence[int]) -> None:
        """A short look at some processes, many for each sample: does one stand still?"""
        self._looks += 1
        self._stopped += any(_is_stopped(pid) for pid in pids)

    def sample(self, pids: Sequence[int]) -> ResourceSample:
        """The vitals of some processes; those that are new since the sample before begin to count now."""
        every = [found for pid in pids if (found := self._generators.get(pid) or _Watched.of(pid))]
        self._generators = {each.pid: each for each in every}
        used = {each.pid: each.cpu_percent() for each in every}
        cpu = sum(used.values())
        allowed = allowances(pids)
        usable = usable_cores(allowed.values())
        shares = [used[pid] / 100 / each.cores for pid, each in allowed.items() if pid in used]
        wanted = [each.wanted_cores() / allowed[each.pid].at_once for each in every if each.pid in allowed]
        known = (cpu + sum(each.cpu_percent() for each in self._own)) / (psutil.cpu_count() or 1)
        machine = psutil.cpu_percent()
        looks, stopped = self._looks, self._stopped
        self._looks = self._stopped = 0
        return ResourceSample(
            at_s=time.monotonic() - self._start,
            cpu_percent=cpu,
            machine_cpu_percent=machine,
            rss_mb=sum(each.rss_mb() for each in every),
            available_mb=available_mb(),
            foreign_cpu_percent=max(0.0, machine - known),
            usable_cores=usable or math.inf,
            used_share=max([*shares, cpu / 100 / usable if usable else 0.0]),
            wanted_share=max(wanted, default=0.0),
            stopped_share=stopped / looks if looks else 0.0,
        )


class _Watched:
    """A process of which times are taken; those since the time before count, and none once it has ended."""

    def __init__(self, process: psutil.Process) -> None:
        self.pid = process.pid
        self._process = process
        self._looked, self._wanted = time.monotonic(), _wanted_s(process.pid)
        process.cpu_percent()

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """None if it has ended already."""
        try:
            return cls(psutil.Process(pid))
        except psutil.Error:
            return None

    def cpu_percent(self) -> float:
        """Of one core."""
        try:
            return float(self._process.cpu_percent())
        except psutil.Error:
            return 0.0

    def rss_mb(self) -> float:
        """Resident memory, MB (10^6 bytes)."""
        try:
            return float(self._process.memory_info().rss / _MB)
        except psutil.Error:
            return 0.0

    def wanted_cores(self) -> float:
        """Processors that its threads ran on or waited for; a thread that has ended takes its times along."""
        then, before = self._looked, self._wanted
        self._looked, self._wanted = time.monotonic(), _wanted_s(self.pid)
        return max(0.0, self._wanted - before) / max(_LEAST_S, self._looked - then)


_LEAST_S = 1e-3
"""Between two looks, so that nothing is divided by zero."""


def _wanted_s(pid: int) -> float:
    """For how long all threads have run and waited, s; 0 where the kernel does not say (`CONFIG_SCHED_INFO`)."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, ValueError):
            total += sum(map(int, path.read_text(encoding="ascii").split()[:2]))
    return total / 1e9


def _is_stopped(pid: int) -> bool:
    try:
        # The name before the state may hold blanks and parentheses itself.
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except OSError:
        return False
    return state in (b"T", b"t")


MARK = "chamiperf-"
"""Begins a line that a script wrote for its caller."""
_LEVELS = {"error", "fatal", "panic", "warning"}
_SHOWN = 300
_KINDS_KEPT = 1000
_READ_AT_MOST = 20_000_000
"""Characters; a stack that refuses connections makes k6 write a line for each."""


@dataclass(frozen=True, slots=True)
class LogMessage:
    """One message and how often it came."""

    level: str
    text: str
    """At most 300 characters, one line."""
    times: int
    thrown: bool = False
    """Whether it is an exception of the script: one that ended an iteration (k6 goes on after it), or the run."""


def read_log(path: Path) -> tuple[LogMessage, ...]:
    """The warnings and errors of a log of JSON lines, the most frequent first; lines of other shape are errors.

    A missing log has nothing to say. Of a crash of k6 the first line is kept; the stack dump stays in the file. Lines
    that a script marked for its caller are left out.
    """
    counts: Counter[_Line] = Counter()
    for line in _lines(path):
        said = line._replace(text=line.text[:_SHOWN])
        if line.level in _LEVELS and not line.text.startswith(MARK) and (said in counts or len(counts) < _KINDS_KEPT):
            counts[said] += 1
        if line.level == "panic":
            break
    return tuple(LogMessage(said.level, said.text, times, said.thrown) for said, times in counts.most_common())


def marked(path: Path, name: str, *, most: int) -> tuple[str, ...]:
    """What stands behind the mark `chamiperf-NAME` in the first so many lines that carry it."""
    start = f"{MARK}{name} "
    found: list[str] = []
    for line in _lines(path):
        if line.text.startswith(start):
            found.append(line.text.removeprefix(start))
        if len(found) >= most:
            break
    return tuple(found)


class _Line(NamedTuple):
    """One line as k6 wrote it."""

    level: str
    text: str
    thrown: bool = False


def _lines(path: Path) -> Iterator[_Line]:
    read = 0
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                read += len(line)
                if line.strip():
                    yield _parse(line)
                if read > _READ_AT_MOST:
                    return
    except OSError:
        return


def _parse(line: str) -> _Line:
    try:
        entry = bounds.parse_json(line)
        level, text = str(entry["level"]), str(entry["msg"])
        reason = entry.get("error")
        # k6 marks what an iteration threw by its source, and what ended the run by its hint.
        thrown = entry.get("source") == "stacktrace" or entry.get("hint") == "script exception"
    except (ValueError, KeyError, TypeError, AttributeError):
        return _Line("panic" if line.startswith(("panic:", "fatal error:")) else "error", line.strip())
    text = text if text.startswith(MARK) else " ".join(text.split())
    return _Line(level, f"{text}: {reason}" if reason else text, thrown)
