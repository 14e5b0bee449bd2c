"""The lock on a stack: an SMD group that names run, owner and expiry.

Creating the group is the atomic step; changing it needs the entity tag that was read. Whoever uses the lock puts its
expiry off once a minute, so that the lock of a runner that died is stale within minutes, also one that was taken for a
whole job; on the holder's own machine its death is seen at once. Where a stack has no groups it cannot be locked, which
is said.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.adapters.chamicore import PLAIN, Chamicore
from chamiperf_ci.adapters.http_client import Answer, Resource
from chamiperf_ci.errors import StackLocked, ToolkitError
from chamiperf_ci.models.dialect import fill
from chamiperf_ci.models.seed import Lock
from chamiperf_ci.models.target import ProcessRef, Service, boot_id

LIFE: Final = timedelta(minutes=10)
"""How long a lock outlives the last command that used it."""
RETRY: Final = RetryPolicy(timeout_s=10.0, retries=2)
"""For clients that do little else: giving a lock back must not outlast the grace of a cancelled job by much."""
NOBODY: Final = "nobody"
_PUT_OFF_S: Final = 60.0
_LONGEST_S: Final = 60.0
"""Bounds taking the lock of a stack that answers each request slowly."""
_BETWEEN_LOOK_AND_REMOVAL_S: Final = 1.0
"""What lies between two requests of one who takes a lock over, and far more."""
_ABSENT: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
_TRIES: Final = 5
_APART: Final = "|"
"""Between the parts of a lock that is one text."""
_MOST_TEXT: Final = 255
"""Characters that a group's description may have."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants the lock."""

    run: str
    owner: str
    life: timedelta = LIFE
    break_lock: bool = False
    """Take it from whoever holds it."""
    process: str = ""
    """The process that gives it back; empty where another command does."""


@dataclass(slots=True)
class HeldLock:
    """A lock that is held."""

    lost: str = ""
    """Who has it now, if somebody took it while it was held; empty as long as nobody is known to have."""
    over: threading.Event = field(default_factory=threading.Event)
    look: Callable[[], str] = lambda: ""
    """Asks the stack who has it; empty for us, and where it cannot be asked."""

    def taken_by(self) -> str:
        """Who took the lock while it was held, as far as is known now; empty for nobody."""
        self.lost = self.lost or self.look()
        return self.lost


@contextmanager
def hold(client: Chamicore, claim: Claim, *, say: Say) -> Iterator[HeldLock]:
    """Hold the stack's lock while the body runs; a lock that the same run holds already is used, kept alive and left.

    A target without SMD is not locked.

    Raises:
        StackLocked: Another run holds it.
        StackUnreachable, CredentialRefused: As the client's.
    """
    held = HeldLock()
    if client.target.url(Service.SMD) is None:
        yield held
        return
    before = inspect(client)
    nested = before is not None and before.run == claim.run
    claim = replace(claim, process=_this_process())
    if not nested and acquire(client, claim, say=say) is None:
        yield held
        return
    held.look = partial(_current_holder, client, claim.run)
    if nested:
        _put_off(client, claim, held)
    keeper = threading.Thread(target=_keep, args=(client, claim, held), name="chamiperf-lock", daemon=True)
    keeper.start()
    try:
        yield held
    finally:
        held.over.set()
        if nested:
            # So that the run's next command has the lock's whole life to come.
            _put_off(client, claim, held)
        else:
            _release_quietly(client, claim.run, say)


def inspect(client: Chamicore) -> Lock | None:
    """The lock as it is on the stack, also when it has expired; None where there is none or nobody can read it."""
    found = _read(client)
    return None if found is None else lock_in(found)


def acquire(client: Chamicore, claim: Claim, *, say: Say) -> Lock | None:
    """Take the lock, or take it over when it is stale, broken on request, or the run's own.

    Returns:
        The lock; None where the stack has no groups to keep it in.

    Raises:
        StackLocked: Another run holds it.
        UnexpectedAnswer: The stack neither takes the group nor says whose it is.
    """
    shape = client.dialect.objects["lock"]
    end = time.monotonic() + _LONGEST_S
    taken_over = False
    for attempt in range(_TRIES):
        if attempt and time.monotonic() > end:
            break
        wanted = Lock(run=claim.run, owner=claim.owner, expires=_now() + claim.life, process=claim.process)
        answer = client.send("POST", shape.service, shape.path, _body(client, wanted))
        if answer.ok:
            if not taken_over or _still_holds(client, claim.run):
                return wanted
            continue
        if answer.status in _ABSENT:
            say("this stack has no groups: it cannot be locked, so make sure that nobody else measures on it")
            return None
        if answer.status != HTTPStatus.CONFLICT:
            raise answer.unexpected("the lock cannot be taken")
        found = _read(client)
        if found is None:
            continue
        _announce_takeover(lock_in(found), claim, say)
        if client.dialect.envelope == PLAIN:
            # Without ETags only a creation is refused to the second of two, and a removal may hit what came in between.
            taken_over = client.delete(shape, found.key)
        elif _replace(client, wanted, found).ok:
            return wanted
    raise answer.unexpected("the lock changes hands faster than it can be taken")


def release(client: Chamicore, run: str) -> bool:
    """Release the lock; whether it was this run's."""
    found = _read(client)
    lock = None if found is None else lock_in(found)
    if found is None or lock is None or lock.run != run:
        return False
    return client.delete(client.dialect.objects["lock"], found.key)


def in_words(lock: Lock) -> str:
    """The lock for people."""
    return f"run {lock.run} of {lock.owner} until {lock.expires:%Y-%m-%d %H:%M:%S} UTC"


def shown(lock: Lock | None) -> str:
    """What `chamiperf lock show` says."""
    if lock is None:
        return "free"
    is_over = lock.expires <= _now() or _is_dead(lock.process)
    return f"{in_words(lock)}, given up: the next command takes it over" if is_over else in_words(lock)


def _still_holds(client: Chamicore, run: str) -> bool:
    """Whether a lock that was taken over is the run's a moment later; another may have meant to remove the old one."""
    time.sleep(_BETWEEN_LOOK_AND_REMOVAL_S)
    lock = inspect(client)
    return lock is not None and lock.run == run


def _announce_takeover(holder: Lock | None, claim: Claim, say: Say) -> None:
    """Say from whom the lock is taken, or refuse to take it."""
    if holder is None:
        say("taking over a lock that nobody can read")
    elif holder.run == claim.run:
        return
    elif holder.expires <= _now():
        say(f"taking over a stale lock: {in_words(holder)}")
    elif _is_dead(holder.process):
        say(f"taking over the lock of a process that died: {in_words(holder)}")
    elif claim.break_lock:
        say(f"breaking the lock of {in_words(holder)}")
    else:
        raise StackLocked(
            f"the stack is in use: {in_words(holder)}",
            where="the group chamiperf-lock in SMD",
            remedy="Wait for it, or take it with --break-lock if that run is dead.",
        )


def _current_holder(client: Chamicore, run: str) -> str:
    """Who has a run's lock in its place; empty while it is the run's own, and where a stack under load does not say."""
    try:
        lock = inspect(client)
    except ToolkitError:
        return ""
    if lock is None:
        return NOBODY
    return "" if lock.run == run else in_words(lock)


def _keep(client: Chamicore, claim: Claim, held: HeldLock) -> None:
    """Put the expiry off again and again, until the lock is given back or somebody else has it."""
    while not held.over.wait(min(_PUT_OFF_S, claim.life.total_seconds() / 3)):
        if not _put_off(client, claim, held):
            return


def _put_off(client: Chamicore, claim: Claim, held: HeldLock) -> bool:
    """Put the expiry off by a whole life; whether the lock is still the run's, as far as the stack says."""
    try:
        found = _read(client)
        lock = None if found is None else lock_in(found)
        if found is None or lock is None or lock.run != claim.run:
            held.lost = NOBODY if lock is None else in_words(lock)
            return False
        # A lock that was taken for longer (`acquire --for`) is not shortened.
        _replace(client, lock.model_copy(update={"expires": max(lock.expires, _now() + claim.life)}), found)
    except ToolkitError:
        # The stack may be down under load; the lock's life is ten times as long as the time between two tries.
        pass
    return True


def _release_quietly(client: Chamicore, run: str, say: Say) -> None:
    try:
        release(client, run)
    except ToolkitError as error:
        say(f"the lock could not be released and will expire: {error.wrong}")


def _replace(client: Chamicore, lock: Lock, found: Resource) -> Answer:
    shape = client.dialect.objects["lock"]
    if client.dialect.envelope == PLAIN:
        return client.change(shape, values_of(lock))
    path = f"{shape.path}/{found.key}"
    return client.send("PUT", shape.service, path, _body(client, lock), headers={"If-Match": found.etag})


def _read(client: Chamicore) -> Resource | None:
    shape = client.dialect.objects["lock"]
    return client.read(shape, shape.key)


def _body(client: Chamicore, lock: Lock) -> object:
    return fill(client.dialect.objects["lock"].body, values_of(lock))


def values_of(lock: Lock) -> dict[str, str]:
    """What the dialect's templates take: the lock's parts, and all of it as one text."""
    parts = {"run": lock.run, "expires": lock.expires.isoformat(timespec="seconds"), "process": lock.process}
    return {**parts, "owner": lock.owner, "lock": _APART.join((*parts.values(), lock.owner))[:_MOST_TEXT]}


def lock_in(found: Resource) -> Lock | None:
    """The lock that a group is; None of a group that says something else."""
    tags = found.spec.get("tags")
    if not tags:
        parts = str(found.spec.get("description")).split(_APART, maxsplit=3)
        tags = dict(zip(("run", "expires", "process", "owner"), parts, strict=False))
    try:
        return Lock.model_validate(tags)
    except ValidationError:
        return None


def _this_process() -> str:
    ref = ProcessRef.of(os.getpid())
    return f"{_here()} {ref.pid} {ref.started_ticks}"


def _here() -> str:
    """Where process numbers mean the same: containers may share the machine's name and have numbers of their own."""
    return f"{socket.gethostname()} {boot_id()} {Path('/proc/self/ns/pid').stat().st_ino}"


def _is_dead(process: str) -> bool:
    """Whether a process that would be seen from here has ended; of another machine's nothing is known."""
    place, *numbers = process.rsplit(" ", 2)
    if place != _here() or not all(number.isdecimal() for number in numbers):
        return False
    pid, ticks = map(int, numbers)
    return not ProcessRef(pid=pid, started_ticks=ticks).is_running()


def _now() -> datetime:
    return datetime.now(UTC)
