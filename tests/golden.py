"""Golden files: a whole rendered text, compared with the file that holds it.

`UPDATE_GOLDEN=1 pytest ...` writes them anew; the diff is then to be read like code.
"""

import os
from pathlib import Path


def check(path: Path, text: str) -> None:
    """Compare a text with its golden file."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; UPDATE_GOLDEN=1 writes it anew"
