"""`chamiperf.toml`: named targets, and the hosts that may be loaded."""

import tomllib
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from chamiperf_ci.adapters.wrong_fields import first_wrong
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.target import TargetsFile

DEFAULT: Final = Path("chamiperf.toml")
_REMEDY: Final = "docs/your-stack.md shows a whole file."


def read_targets(path: Path | None) -> TargetsFile:
    """The file that was named, or the one in the working folder; without a name, a missing file is an empty one.

    Raises:
        ConfigurationError: The named file is missing, or the file is unreadable, not TOML, or has a wrong key.
    """
    where = str(path or DEFAULT)
    try:
        text = (path or DEFAULT).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if path is None:
            return TargetsFile()
        raise ConfigurationError("the file does not exist", where=where, remedy=_REMEDY) from error
    except OSError as error:
        raise ConfigurationError(f"the file cannot be read: {error.strerror}", where=where, remedy=_REMEDY) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("the file is not UTF-8 text", where=where, remedy=_REMEDY) from error
    try:
        return TargetsFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"not valid TOML: {error}", where=where, remedy=_REMEDY) from error
    except ValidationError as error:
        raise ConfigurationError(first_wrong(error, TargetsFile), where=where, remedy=_REMEDY) from error
