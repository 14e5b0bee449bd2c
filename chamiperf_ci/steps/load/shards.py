"""One machine's share of a load: which it is, how the machines agree on a start, and by whose clock."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.k6 import StopRequest
from chamiperf_ci.errors import ConfigurationError, InvalidMeasurement, ToolkitError
from chamiperf_ci.models.dialect import Shape, fill
from chamiperf_ci.models.seed import Lock
from chamiperf_ci.models.shard import shard_name
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.lock import Say, lock_in, values_of

CLOCK_OFF_S: Final = 1.0
"""Shards whose clocks are further off do not share windows: of 30 s, a thirtieth would be misplaced."""
LONGEST_WAIT_S: Final = 1500.0
"""k6 gives `setup()`, in which a shard waits for the start, 30 minutes."""
_LOOKS: Final = 12
"""Each halves what is not known of a clock that tells whole seconds: 12 leave less than a millisecond."""
_SURE_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Share:
    """One of `of` equal shares; `index` from 0."""

    index: int
    of: int
    start_at: float
    """When all begin, s since the epoch by the stack's clock."""
    offset_s: float = 0.0
    """What this machine's clock is behind the stack's."""

    @property
    def name(self) -> str:
        """For people, counted from 1."""
        return shard_name(self.index, self.of)

    @property
    def wait_s(self) -> float:
        """Seconds until the start."""
        return self.start_at - time.time() - self.offset_s

    def run_id(self, seed: str, scenario: str) -> str:
        """Under which all shards write: the same on each machine, and another for each start."""
        text = f"{seed} {scenario} {self.start_at:.3f}"
        return f"w{hashlib.sha256(text.encode('ascii')).hexdigest()[:10]}"


def shard_file(out: Path, scenario: str, index: int, of: int) -> Path:
    """Where a shard is written."""
    return out / "shards" / f"{scenario}.shard-{index + 1}-of-{of}.json"


class ShardMissing(InvalidMeasurement):
    """A machine of those that share a load did not come in time, or cannot begin with the others."""


def require_start(share: Share) -> None:
    """Stop where the start cannot be kept.

    Raises:
        ShardMissing: It is over, or this machine's clock is too far off.
        ConfigurationError: It is further ahead than k6 can wait.
    """
    if abs(share.offset_s) > CLOCK_OFF_S:
        raise ShardMissing(
            f"this machine's clock is {abs(share.offset_s):.1f} s {'behind' if share.offset_s > 0 else 'ahead of'} "
            "the stack's, and shards share windows only within 1 s",
            where=f"--shard, {share.name}",
            remedy="Synchronize both clocks by NTP.",
        )
    when = datetime.fromtimestamp(share.start_at, UTC).isoformat(timespec="seconds")
    remedy = f"Give all shards one that is ahead, by {LONGEST_WAIT_S / 60:.0f} minutes at most."
    if share.wait_s <= 0:
        wrong = f"{share.name} came {-share.wait_s:,.0f} s late for the common start {when}"
        raise ShardMissing(wrong, where="--start-at", remedy=remedy)
    if share.wait_s > LONGEST_WAIT_S:
        wrong = f"the common start {when} is {share.wait_s:,.0f} s ahead"
        raise ConfigurationError(wrong, where="--start-at", remedy=remedy)


def clock_offset_s(
    client: Chamicore, service: Service, *, clock: Callable[[], float] = time.time, wait: Callable[[float], object]
) -> float | None:
    """What this machine's clock is behind a service's, from its `Date`; None where it does not tell.

    `Date` counts whole seconds, so an answer only says that the offset lies within a second and the time of the
    request. Each further request is sent so that the service's second turns, as far as is known, while it is under
    way, which halves what is left open.

    Args:
        client: Of the target.
        service: Whom to ask.
        clock: This machine's, s since the epoch.
        wait: Waits for so many seconds.
    """
    low, high = float("-inf"), float("inf")
    for _ in range(_LOOKS):
        sent = clock()
        try:
            date = client.operational(service, "health").headers.get("date")
            told = parsedate_to_datetime(date).timestamp() if date else None
        except (ToolkitError, ValueError, TypeError):
            told = None
        came = clock()
        if told is None:
            return None
        new = max(low, told - came), min(high, told + 1 - sent)
        if new[0] > new[1]:
            # One of two clocks was set meanwhile, or several servers with clocks of their own answer.
            new = told - came, told + 1 - sent
        low, high = new
        if high - low <= _SURE_S:
            break
        # The next request is to arrive when the service's second turns if the offset is half way.
        turn = clock() + (low + high) / 2 + (came - sent) / 2
        wait(-turn % 1.0)
    return (low + high) / 2


_LOOK_EVERY_S: Final = 1.0
_ABSENT: Final = frozenset({404, 405, 501})


@dataclass(slots=True)
class Rendezvous:
    """Machines that share a load meet in the stack, each by an SMD group of its own, and the first says when to begin.

    Args:
        client: Of the target.
        run: What all of them name, and no other meeting.
        index: Which machine this is, from 0.
        of: How many there are.
    """

    client: Chamicore
    run: str
    index: int
    of: int
    _placed: list[str] = field(default_factory=list)

    def hold(self, stop: StopRequest, say: Say, *, lead_s: float, within_s: float, now: Callable[[], float]) -> float:
        """Wait for the others; when all begin, s since the epoch by the first machine's `now`.

        Args:
            stop: Ends the waiting.
            say: Told who is waited for.
            lead_s: Between the moment at which all have come and the start.
            within_s: For how long the others are waited for.
            now: The clock that all agree on.

        Raises:
            ShardMissing: Some did not come, which are named, or the first gave no start.
            ConfigurationError: The stack has no groups.
            Interrupted: Asked to stop meanwhile.
        """
        place = f"chamiperf-shard-{self.index + 1}-of-{self.of}"
        self._put(place, until=now() + within_s)
        say(f"{shard_name(self.index, self.of)} is there, and waits for the others for {within_s:,.0f} s at most")
        end = time.monotonic() + within_s
        missing = list(range(self.of))
        while time.monotonic() < end:
            stop.check("waiting for the other shards")
            missing = [] if self.index else [each for each in missing if self._until(each) <= now()]
            if not missing and not self.index:
                # Whole seconds, which is what a lock's text keeps.
                start_at = float(int(now() + lead_s) + 1)
                self._put(_START, until=start_at)
                return start_at
            if self.index and (start_at := self._stored_time(_START)) > now():
                return start_at
            stop.wait(_LOOK_EVERY_S)
        names = ", ".join(shard_name(each, self.of) for each in missing)
        wrong = f"{names} did not come" if not self.index else f"{shard_name(0, self.of)} gave no start"
        raise ShardMissing(
            f"{wrong} within {within_s:,.0f} s",
            where=f"--rendezvous, {shard_name(self.index, self.of)}",
            remedy="See that machine's log, and start all of them again.",
        )

    def leave(self) -> None:
        """Take away what was placed; a stack that does not answer keeps it, and the next meeting passes it over."""
        for name in self._placed:
            try:
                self.client.delete(self._shape(name), name)
            except ToolkitError:
                continue

    def _until(self, index: int) -> float:
        return self._stored_time(f"chamiperf-shard-{index + 1}-of-{self.of}")

    def _stored_time(self, name: str) -> float:
        """The time that a group of this meeting tells; 0 of one that is not there, or of another meeting."""
        found = self.client.read(self._shape(name), name)
        lock = None if found is None else lock_in(found)
        return lock.expires.timestamp() if lock is not None and lock.run == self.run else 0.0

    def _put(self, name: str, *, until: float) -> None:
        shape = self._shape(name)
        expires = datetime.fromtimestamp(0, UTC) + timedelta(seconds=until)
        body = fill(shape.body, values_of(Lock(run=self.run, owner=shard_name(self.index, self.of), expires=expires)))
        answer = self.client.send("POST", shape.service, shape.path, body)
        if answer.status == HTTPStatus.CONFLICT:
            # Of a meeting that is over.
            self.client.delete(shape, name)
            answer = self.client.send("POST", shape.service, shape.path, body)
        if answer.status in _ABSENT:
            raise ConfigurationError(
                "this stack has no groups in which shards could meet",
                where="--start-at is absent",
                remedy="Give all shards the same --start-at TIME.",
            )
        if not answer.ok:
            raise answer.unexpected("the shards cannot meet")
        self._placed.append(name)

    def _shape(self, name: str) -> Shape:
        lock = self.client.dialect.objects["lock"]
        return Shape.model_validate_json(lock.model_dump_json().replace(lock.key, name))


_START: Final = "chamiperf-shards-start"
