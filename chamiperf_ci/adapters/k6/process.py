"""One k6 process: started so that it dies with its parent, and stopped gracefully or at once."""

import contextlib
import os
import signal
import subprocess

from chamiperf_ci.adapters.k6.command import K6Run, arguments, environment
from chamiperf_ci.adapters.k6.live import LiveK6, free_address
from chamiperf_ci.errors import ConfigurationError

_REAP_S = 10.0


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
        address = free_address()
        self.live = LiveK6(address)
        try:
            run.folder.mkdir(parents=True, exist_ok=True)
            run.summary.unlink(missing_ok=True)
            run.config.write_text("{}\n", encoding="utf-8")
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
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it at once; the summary is given up."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(_REAP_S)
