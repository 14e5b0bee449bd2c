"""What was deployed, as whoever deployed it wrote it down: a JSON object of service to image digest or commit."""

import json
from pathlib import Path

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.fingerprint import Identity

_DIGEST = "sha256:"


def read_manifest(path: Path) -> dict[str, Identity]:
    """The builds by service; a value with a `sha256:` digest is an image, any other a commit.

    Raises:
        ConfigurationError: It cannot be read, or is anything but such an object.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        wrong = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise _unusable(path, str(wrong)) from error
    if not isinstance(said, dict) or not all(isinstance(build, str) and build for build in said.values()):
        raise _unusable(path, "it is no object of service to text")
    return {
        service: Identity(service=service, **{"image" if _DIGEST in build else "commit": build})
        for service, build in said.items()
    }


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the stack's manifest cannot be used: {why}",
        where=str(path),
        remedy='Write it as {"smd": "sha256:...", "bss": "1a2b3c4"}: service to image digest or commit.',
    )
