"""Writes the generated pages anew: `python -m tools.write_docs`."""

from pathlib import Path

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.files import default_baselines
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.render import cards
from chamiperf_ci.render.tables import targets_page
from tools import write_actions

ROOT = Path(__file__).resolve().parent.parent


def pages() -> dict[str, str]:
    """Return path to text of each page, and of each action, from which their page is made."""
    actions = {str(path.relative_to(ROOT)): text for path, text in write_actions.files()}
    targets = targets_page(files.read_document(default_baselines(), Baselines))
    return {"docs/targets.md": targets, "docs/verdicts.md": cards.page(), **actions}


if __name__ == "__main__":
    for name, text in pages().items():
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
