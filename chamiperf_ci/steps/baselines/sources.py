"""Where the runs to accept come from: run files, or a range of the history."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chamiperf_ci.adapters.history import BranchHistory, FolderHistory, HistoryStore
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.steps import history
from chamiperf_ci.steps.baselines.candidates import CANDIDATES, Candidate, from_history, from_run
from chamiperf_ci.steps.compare.sittings import read_runs


@dataclass(frozen=True, slots=True)
class Sources:
    """What a person named.

    Attributes:
        places: Run files, and folders of them.
        store: The history, if a range of it is meant.
        wanted: The range.
    """

    places: Sequence[Path] = ()
    store: HistoryStore | None = None
    wanted: history.Wanted = field(default_factory=history.Wanted)

    @property
    def options(self) -> str:
        """The options that name the same runs again, without the range."""
        if isinstance(self.store, BranchHistory):
            remote = () if self.store.remote == "origin" else ("--remote", self.store.remote)
            return shlex.join(("--history-branch", self.store.branch, *remote))
        if isinstance(self.store, FolderHistory):
            return shlex.join(("--history", str(self.store.root)))
        return shlex.join(part for place in self.places for part in ("--runs", str(place)))


def candidates(sources: Sources, baselines: Baselines) -> tuple[Candidate, ...]:
    """Return the named runs as candidates; of the history, nights only.

    Raises:
        ConfigurationError: Runs and a history are named, or neither; a file is wrong.
        InvalidMeasurement: There is no run at all.
    """
    if bool(sources.places) == (sources.store is not None):
        raise ConfigurationError(
            "name run files or a range of the history, one of the two",
            where="--runs, --history, --history-branch",
            remedy="Give `--runs out/runs`, or `--history-branch chamiperf-data` for the nights on that branch.",
        )
    if sources.store is None:
        return tuple(from_run(run, baselines) for run in runs_in(sources.places))
    sources.store.require()
    reading = history.read(sources.store, sources.wanted)
    found = tuple(from_history(entry, baselines) for entry in reading.entries if entry.run_kind is RunKind.NIGHT)
    if not found:
        raise ConfigurationError(
            "the history has no night in this range",
            where="--environment, --scenario, --since, --until",
            remedy=f"`chamiperf history list {sources.options}` shows what it holds.",
        )
    return found


def runs_in(places: Sequence[Path]) -> tuple[Run, ...]:
    """Read runs; of a folder's, repeats, pairs and drills are passed over, a file that is named is not."""
    found: list[Run] = []
    for place in places:
        runs = read_runs([place])
        found += [one for one in runs if one.run_kind in CANDIDATES] if place.is_dir() else runs
    return tuple(found)
