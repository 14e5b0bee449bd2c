"""`python tests/faults` writes the rows of docs/faults.md anew."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent), str(FOLDER.parents[1])]

from fault_page import PAGE, with_rows  # noqa: E402 - found by the path above
from fault_themes import THEMES  # noqa: E402 - as above

PAGE.write_text(with_rows(PAGE.read_text(encoding="utf-8"), THEMES), encoding="utf-8")
