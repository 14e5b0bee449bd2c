"""Prints the changelog's section on the version in `chamiperf_ci/__init__.py`: the text of its release."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def notes(changelog: str, version: str) -> str:
    """The section's text without its heading.

    Raises:
        ValueError: There is no such section, or it is empty.
    """
    match = re.search(rf"(?ms)^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog)
    text = match[1].strip() if match else ""
    if not text:
        message = f"CHANGELOG.md says nothing of {version}: give the version a section, with what users notice"
        raise ValueError(message)
    return f"{text}\n"


if __name__ == "__main__":
    stated = re.search(r'__version__ = "([^"]+)"', (ROOT / "chamiperf_ci" / "__init__.py").read_text(encoding="utf-8"))
    try:
        sys.stdout.write(notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), stated[1] if stated else ""))
    except ValueError as error:
        sys.exit(str(error))
