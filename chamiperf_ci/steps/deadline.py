"""Work done side by side that ends at a deadline, also when a service never answers.

The threads are daemons: one that hangs in a socket, or in a name look-up that nothing can time out, keeps neither the
caller nor the program waiting.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

K = TypeVar("K")
_LOOK_S = 0.1


def side_by_side(
    jobs: Mapping[K, Callable[[], None]], seconds: float, *, over: Callable[[], bool] = lambda: False
) -> frozenset[K]:
    """Run every job in a thread of its own and come back when all have ended or the time is over.

    Args:
        jobs: What to do, by name; a job leaves its result where the caller finds it.
        seconds: How long to wait at most.
        over: Whether to wait no longer; asked ten times a second.

    Returns:
        The names of the jobs that have not ended.

    Raises:
        BaseException: Whatever a job raised, as soon as it did.
    """
    ended: queue.SimpleQueue[tuple[K, BaseException | None]] = queue.SimpleQueue()

    def run(name: K, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - handed to the caller, which raises it
            ended.put((name, error))
        else:
            ended.put((name, None))

    for name, job in jobs.items():
        threading.Thread(target=run, args=(name, job), name=f"chamiperf-{name}", daemon=True).start()
    open_jobs = set(jobs)
    deadline = time.monotonic() + seconds
    while open_jobs and not over():
        left = deadline - time.monotonic()
        try:
            name, error = ended.get(timeout=min(_LOOK_S, max(0.0, left)))
        except queue.Empty:
            if left <= _LOOK_S:
                break
            continue
        if error is not None:
            raise error
        open_jobs.discard(name)
    return frozenset(open_jobs)
