"""A new deployment for a repeat: the user's script, then the stack ready again and seeded as before."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.adapters.hosts import require_allowed
from chamiperf_ci.adapters.k6 import StopRequest, find_k6
from chamiperf_ci.adapters.sender import Patience
from chamiperf_ci.errors import ConfigurationError, InvalidMeasurement
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.steps.lock import Claim, hold
from chamiperf_ci.steps.seed.drive import Driver
from chamiperf_ci.steps.seed.fill import Wish, carry_out, intend
from chamiperf_ci.steps.targets import GivenTarget, resolve
from chamiperf_ci.steps.wait import wait_until_ready

READY_WITHIN_S = 300.0
SAMPLE = 100


def run_script(script: Path, *, timeout_s: float) -> None:
    """Run a script that deploys the stack anew, with the argument `head`; its output goes to standard error.

    Raises:
        ConfigurationError: It cannot be run.
        InvalidMeasurement: It failed, or did not end in time.
    """
    command = [str(script.resolve()), "head"]
    try:
        done = subprocess.run(command, stdout=sys.stderr, stdin=subprocess.DEVNULL, timeout=timeout_s, check=False)
    except OSError as error:
        raise ConfigurationError(
            f"the script cannot be run: {error.strerror}", where=str(script), remedy="Name an executable file."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise InvalidMeasurement(
            f"the new deployment was not there after {timeout_s:g} s",
            where=str(script),
            remedy="Give it longer with --redeploy-timeout, or look why it hangs.",
        ) from error
    if done.returncode:
        raise InvalidMeasurement(
            f"the new deployment failed: exit code {done.returncode}", where=str(script), remedy="Its output is above."
        )


def ready_and_seeded(
    given: GivenTarget, seed_file: Path, claim: Claim | None, k6: str | None, say: Callable[[str], None]
) -> None:
    """Wait until the stack is ready, and put in again what the first run had; what is still there stays.

    A new deployment has lost the lock too: it is held while seeding, if there is a claim.

    Raises:
        ToolkitError: As `wait` and `seed`.
    """
    target = resolve(given)
    require_allowed(target)
    before = read_document(seed_file, Seed, remedy="Run `chamiperf seed` first, or name its file with --seed-file.")
    with Chamicore(target, patience=Patience(timeout_s=5.0, retries=0)) as client:
        wait_until_ready(client, timeout_s=READY_WITHIN_S, say=say)
    with (
        StopRequest() as stop,
        Chamicore(target) as client,
        nullcontext() if claim is None else hold(client, claim, say=say),
    ):
        driver = Driver(target, client.dialect, find_k6(k6), stop)
        # Whether these nodes may be on this stack, and in its Kea, was decided when they were first seeded.
        wish = Wish(before.nodes, SAMPLE, shared_stack=before.shared is not None, allow_dhcp=before.dhcp_allowed)
        carry_out(client, driver, seed_file, intend(client, seed_file, wish, stop), wish)
