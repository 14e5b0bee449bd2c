"""Stacks with nodes in them, and scripts run on them."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from k6_runs import NODES, Ended, finish, seed, start
from pydantic import TypeAdapter

from chamicore_standin import faulting, lifecycle
from chamiperf_ci.models.faults import Fault
from chamiperf_ci.models.target import StackOptions, StackState


@pytest.fixture(scope="module")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StackState, str]]:
    """A stack with every service and 200 nodes, and their run id; nobody breaks it.

    It syncs every second, and its passwords are cheap.
    """
    folder = tmp_path_factory.mktemp("stack")
    options = StackOptions(ports="ephemeral", sync_interval_s=1.0, password_cost=6, bulk=True)
    state = lifecycle.up(options, state_dir=folder / "state")
    yield state, seed(folder / "seed", state, NODES)
    lifecycle.down(folder / "state")


@pytest.fixture
def run_k6(tmp_path: Path) -> Callable[..., Ended]:
    """Run a script on a plan to its end."""

    def run(
        plan: dict[str, Any], *options: str, state: StackState | None = None, built: bool = True, **variables: str
    ) -> Ended:
        folder = tmp_path / secrets.token_hex(4)
        return finish(start(folder, plan, *options, state=state, built=built, **variables), folder)

    return run


@pytest.fixture
def seeded(tmp_path: Path) -> Callable[[StackState, int], str]:
    """Seed so many nodes into a stack; their run id."""
    return lambda state, nodes: seed(tmp_path / secrets.token_hex(4), state, nodes)


@pytest.fixture
def fault() -> Callable[..., Fault]:
    """Set a fault by its kind."""

    def set_(state: StackState, kind: str, **fields: Any) -> Fault:
        return faulting.set_fault(state, TypeAdapter(Fault).validate_python({"kind": kind, **fields}))

    return set_
