"""Where the load scripts and their data lie: inside an installed package, or beside it in a checkout."""

from pathlib import Path

from chamiperf_ci.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parent.parent


def k6_folder() -> Path:
    """The folder with the k6 scripts, `api.json` and the profiles.

    Raises:
        ConfigurationError: Neither the package nor the checkout has it; the installation is broken.
    """
    for folder in (_PACKAGE / "_data" / "k6", _PACKAGE.parent / "k6"):
        if (folder / "api.json").is_file():
            return folder
    raise ConfigurationError(
        "the k6 scripts are missing", where=str(_PACKAGE), remedy="Install chamiperf-ci again; the package is damaged."
    )
