"""Drills in the history, for the nights after: written once each, the newest of each scenario read."""

import re
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.history import FolderHistory, HistoryStore
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.drill import Drill

_FOLDER = "drills"
_NAME = re.compile(r"\d{8}T\d{6}Z\.(?P<scenario>[^./]+)\.(?P<profile>[^./]+)\.json")
_REMEDY = "Make it with `chamiperf drill`."


def read_drill(path: Path) -> Drill:
    """Read a drill's file.

    Raises:
        ConfigurationError: It is missing or wrong.
    """
    return files.read_document(path, Drill, remedy=_REMEDY)


def add(store: HistoryStore, drill: Drill) -> tuple[str, ...]:
    """Write a drill that is not there yet and return its name.

    Raises:
        ConfigurationError: It has no valid run, so nothing says of which environment it is; or another one of that
            second is there.
        OutsideServiceError: The remote refuses.
    """
    if drill.fingerprint is None:
        raise ConfigurationError(
            "the drill has no valid run, so nobody can say what it was made of", where="--drill", remedy=_REMEDY
        )
    environment = drill.fingerprint.environment
    name = f"{drill.started_at.astimezone(UTC):%Y%m%dT%H%M%SZ}.{drill.scenario}.{drill.profile}.json"
    return store.add(
        {f"{environment}/{_FOLDER}/{name}": files.dumps(drill).encode()},
        message=f"Add a drill of {environment}: {drill.scenario}",
    )


@dataclass(frozen=True, slots=True)
class KeptDrills:
    """Drills, and sentences about files that could not be read: a night is judged without them."""

    drills: tuple[Drill, ...] = ()
    problems: tuple[str, ...] = ()


def newest_drills(history: Path, environment: str) -> KeptDrills:
    """Return the newest drill of each scenario and profile of an environment.

    Args:
        history: Folder of the history; it need not exist.
        environment: Whose.
    """
    folder = history / environment / _FOLDER
    named = ((_NAME.fullmatch(name), name) for name in FolderHistory(folder).names())
    newest = {(found["scenario"], found["profile"]): name for found, name in named if found}
    drills, problems = [], []
    for name in sorted(newest.values()):
        try:
            drills.append(read_drill(folder / name))
        except ConfigurationError as error:
            problems.append(f"{environment}/{_FOLDER}/{name} is skipped: {error.wrong}")
    return KeptDrills(tuple(drills), tuple(problems))
