"""Puts the place that a wheel is built from into it: CHAMIPERF_RELEASE, as OWNER/REPO@SHA; hatch calls this."""

import os
import re
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RecordRelease(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own documentation leaves it out
    """Adds `_data/release.txt` where the variable is set."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file to what is built.

        Raises:
            ValueError: The variable is not OWNER/REPO@SHA.
        """
        del version
        place = os.environ.get("CHAMIPERF_RELEASE", "")
        if not place:
            return
        if not re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+@[0-9a-f]{40}", place):
            message = f"CHAMIPERF_RELEASE is not OWNER/REPO@SHA: {place!r}"
            raise ValueError(message)
        file = Path(tempfile.mkdtemp()) / "release.txt"
        file.write_text(f"{place}\n", encoding="utf-8")
        build_data["force_include"][str(file)] = "chamiperf_ci/_data/release.txt"
