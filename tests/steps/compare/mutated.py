"""Valid inputs of `compare` with one thing changed, drawn from a seed: what a bug, a merge or an editor may leave."""

import copy
import random
from collections.abc import Iterator
from typing import Any

Json = Any
NUMBERS = (-1, 0, -3.5, 1e-300, 1e300, 10**400, 1e15, True, "3.2", None, [], {})
WORDS = ("", "min", "s", "requests", "higher", "lower", "sustained", "p95", "\N{ZERO WIDTH SPACE}", 7)


def places(document: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value below a document."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def parent(document: Json, path: tuple[Any, ...]) -> Json:
    for key in path[:-1]:
        document = document[key]
    return document


def mutated(document: Json, random_: random.Random) -> tuple[Json, str]:
    """Return a copy of a document with one change, and what was changed."""
    changed = copy.deepcopy(document)
    lists = [path for path in places(changed) if isinstance(parent(changed, path)[path[-1]], list)]
    full = [path for path in lists if parent(changed, path)[path[-1]]]
    kind = random_.choice(("drop", "double", "shuffle", "number", "number", "number", "word", "remove", "scale"))
    if kind in ("drop", "double", "shuffle"):
        path = random_.choice(full)
        found = parent(changed, path)[path[-1]]
        place = random_.randrange(len(found))
        if kind == "drop":
            del found[place]
        elif kind == "double":
            found.insert(place, copy.deepcopy(found[place]))
        else:
            random_.shuffle(found)
        return changed, f"{kind} {'.'.join(map(str, path))}[{place}]"
    leaves = [path for path in places(changed) if not isinstance(parent(changed, path)[path[-1]], dict | list)]
    numbers = [path for path in leaves if type(parent(changed, path)[path[-1]]) in (int, float)]
    words = [path for path in leaves if isinstance(parent(changed, path)[path[-1]], str)]
    path = random_.choice({"number": numbers, "scale": numbers, "word": words}.get(kind, leaves))
    holder = parent(changed, path)
    if kind == "remove":
        del holder[path[-1]]
        return changed, f"remove {'.'.join(map(str, path))}"
    new = random_.choice(NUMBERS if kind == "number" else WORDS)
    if kind == "scale":
        new = holder[path[-1]] * random_.choice((-1, 0.5, 2, 1000))
    holder[path[-1]] = new
    return changed, f"{kind} {'.'.join(map(str, path))} = {str(new)[:20]!r}"
