"""Which scenarios and profiles there are, and the near ones to a name that is none."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from chamiperf_ci.adapters import data
from chamiperf_ci.adapters.files import read_json
from chamiperf_ci.adapters.wrong_fields import first_wrong
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import Profile
from chamiperf_ci.steps.load.catalogue import in_order

ALL = "all"


def read_profile(name: str) -> Profile:
    """Read a profile of the k6 folder.

    Raises:
        ConfigurationError: There is none of that name, or its file is not a profile.
    """
    folder = data.k6_folder() / "profiles"
    known = sorted(path.stem for path in folder.glob("*.json"))
    if name not in known:
        raise unknown("profile", name, known, option="--profile")
    path = folder / f"{name}.json"
    content = read_json(path, remedy="Install chamiperf-ci again, or mend the profile.")
    try:
        return Profile.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(first_wrong(error, Profile), where=str(path), remedy="Mend the profile.") from error


def choose_scenarios(asked: Iterable[str], profile: Profile) -> tuple[str, ...]:
    """The scenarios to run, each once, in the catalogue's order; `all` stands for every one that the profile has.

    Raises:
        ConfigurationError: A name is unknown, or the profile has no load for it.
    """
    known = in_order(profile.scenarios)
    names = list(asked)
    for name in names:
        if name != ALL and name not in known:
            raise unknown("scenario", name, [*known, ALL], option=f"--scenario, profile {profile.name}")
    return known if ALL in names else in_order(names)


def script_of(scenario: str) -> Path:
    """The scenario's script, built: the same code in one file takes two thirds of the memory of a VU.

    Raises:
        ConfigurationError: The installation lacks it.
    """
    path = data.k6_folder() / "built" / f"{scenario}.js"
    if not path.is_file():
        raise ConfigurationError(
            f"the script of {scenario} is missing", where=str(path), remedy="Install chamiperf-ci again."
        )
    return path


def unknown(what: str, name: str, known: Iterable[str], *, option: str) -> ConfigurationError:
    """The error for a name that is none, with the nearest ones."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    remedy = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(names)}."
    return ConfigurationError(f"there is no {what} {name!r}", where=option, remedy=remedy)
