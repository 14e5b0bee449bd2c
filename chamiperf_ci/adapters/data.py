"""Where the load scripts and their data lie: inside an installed package, or beside it in a checkout."""

from pathlib import Path

from chamiperf_ci.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parent.parent


def k6_folder() -> Path:
    """The folder with the k6 scripts, `api.json` and the profiles.

    Raises:
        ConfigurationError: Neither the package nor the checkout has it; the installation is broken.
    """
    return _find("k6/api.json").parent


def default_baselines() -> Path:
    """The baselines.json that ships with the package: the ADR's targets and tolerances, no accepted runs.

    Raises:
        ConfigurationError: As `k6_folder`.
    """
    return _find("baselines.json")


def _find(name: str) -> Path:
    for folder in (_PACKAGE / "_data", _PACKAGE.parent):
        if (folder / name).is_file():
            return folder / name
    raise ConfigurationError(
        f"{name} is missing", where=str(_PACKAGE), remedy="Install chamiperf-ci again; the package is damaged."
    )
