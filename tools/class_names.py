"""Finds class names that stand twice in the toolkit and the embedded stack together.

Usage: python tools/class_names.py
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("chamiperf_ci", "chamicore_standin")


def main() -> int:
    """Print the names that stand twice; 1 if there is one."""
    found = places()
    wrong = [f"class {name} stands in {' and '.join(where)}" for name, where in sorted(found.items()) if len(where) > 1]
    print("\n".join(wrong) or f"{len(found)} class names in {' and '.join(PACKAGES)}, each once")
    return 1 if wrong else 0


def places() -> dict[str, list[str]]:
    """The files that define a class of each name; classes within functions among them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(ROOT)))
    return dict(found)


if __name__ == "__main__":
    sys.exit(main())
