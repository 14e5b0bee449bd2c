"""Fixtures that start the embedded stack, on free ports, and leave nothing running."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chamicore_standin import lifecycle
from chamiperf_ci.models.target import StackOptions, StackState


@pytest.fixture(scope="session")
def embedded_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackState]:
    """One stack for the whole session, without service time; other tests leave objects in it.

    Whoever breaks it on purpose, or seeds nodes, makes one of his own.
    """
    folder = tmp_path_factory.mktemp("stack") / "state"
    yield lifecycle.up(StackOptions(ports="ephemeral"), state_dir=folder)
    lifecycle.down(folder)


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[..., StackState]]:
    """Start stacks of one's own: `make_stack(workers=2)`; the arguments are those of StackOptions, and the token."""
    folders: list[Path] = []

    def make(internal_token: str | None = None, **options: Any) -> StackState:
        folder = tmp_path / f"stack-{len(folders)}"
        folders.append(folder)
        given = StackOptions(**{"ports": "ephemeral", **options})
        return lifecycle.up(given, state_dir=folder, internal_token=internal_token)

    yield make
    for folder in folders:
        lifecycle.down(folder)
