"""Finds class names that stand twice: none may in a package, and in both only those that docs/architecture.md lists.

Usage: python tools/class_names.py
"""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLKIT, STANDIN = "chamiperf_ci", "chamicore_standin"
_LISTED = re.compile(r"^Class names of both packages: (?P<names>[^.]*)\.", re.MULTILINE)


def main() -> int:
    """Print what stands twice; 1 if anything does that is not listed, or is listed and does not."""
    toolkit, standin = places(ROOT / TOOLKIT), places(ROOT / STANDIN)
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    found = _LISTED.search(page)
    listed = set(re.findall(r"`(\w+)`", found["names"])) if found else set()
    twice = {name: where for one in (toolkit, standin) for name, where in one.items() if len(where) > 1}
    both = toolkit.keys() & standin.keys()
    wrong = [f"class {name} stands in {' and '.join(where)}" for name, where in sorted(twice.items())]
    wrong += [
        f"class {name} stands in {toolkit[name][0]} and {standin[name][0]}: rename one, or list it in the page"
        for name in sorted(both - listed)
    ]
    wrong += [f"docs/architecture.md lists the class name {name}, which stands once" for name in sorted(listed - both)]
    print("\n".join(wrong) or f"{len(toolkit)} class names in {TOOLKIT}, each once")
    return 1 if wrong else 0


def places(package: Path) -> dict[str, list[str]]:
    """The files of a package that define a class of each name; classes within functions among them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(ROOT)))
    return dict(found)


if __name__ == "__main__":
    sys.exit(main())
