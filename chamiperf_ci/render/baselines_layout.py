"""How `baselines.json` is laid out: sorted, one metric a line, so that a change is a diff a person can read.

A container is written on one line when it holds no other container or fits the width; a longer one is opened, one
member a line. A value's own length never moves its neighbours. Fields that have their default are left out.
"""

import json
from typing import Any

from chamiperf_ci.models.baselines import AcceptedRun, Baselines, EnvironmentBaseline

WIDTH = 120
_INDENT = "  "


def layout(baselines: Baselines) -> str:
    """Return the file's text, with a newline at the end; equal content gives equal bytes."""
    return laid_out(content(baselines)) + "\n"


def laid_out(data: Any) -> str:  # noqa: ANN401 - any JSON
    """Return any JSON in the file's layout, without a newline at the end."""
    return _lines(data, "", 0)


def content(baselines: Baselines) -> dict[str, Any]:
    """Return the file's JSON: fields in the model's order, names and runs sorted.

    `accepted_digest` and `accepted_runs` are there even when empty, so that every patch finds what it tests.
    """
    data = arranged(baselines).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    head = {key: data.pop(key) for key in ("$schema",) if key in data}
    stamp = {"kind": baselines.kind, "schema_version": baselines.schema_version, "producer": baselines.producer}
    tail = {"accepted_digest": baselines.accepted_digest, "accepted_runs": data.pop("accepted_runs", {})}
    rest = {key: value for key, value in data.items() if key not in (*stamp, *tail)}
    whole: dict[str, Any] = _tidied({**head, **stamp, **rest, **tail})
    return whole


def arranged(baselines: Baselines) -> Baselines:
    """Return the same content in the file's order: fingerprints by name, runs by start, rows by key."""
    accepted = {
        key: EnvironmentBaseline(
            fingerprint=entry.fingerprint,
            runs=tuple(
                sorted((_arranged_run(run) for run in entry.runs), key=lambda run: (run.started_at, run.run_id))
            ),
        )
        for key, entry in sorted(baselines.accepted_runs.items())
    }
    known = sorted(
        baselines.acknowledgements,
        key=lambda entry: (entry.environment, entry.scenario, entry.endpoint, entry.metric, entry.phase, entry.what),
    )
    return baselines.model_copy(update={"accepted_runs": accepted, "acknowledgements": tuple(known)})


def _arranged_run(run: AcceptedRun) -> AcceptedRun:
    return run.model_copy(update={"rows": tuple(sorted(run.rows, key=lambda row: row.key))})


_NAMED = frozenset({"metrics", "scenarios", "endpoints", "environments", "accepted_runs", "parameters", "seeded"})


def _tidied(data: Any) -> Any:  # noqa: ANN401 - any JSON
    """Sort the members of objects whose keys are names, not fields; write whole numbers without a fraction."""
    if isinstance(data, list):
        return [_tidied(item) for item in data]
    if isinstance(data, dict):
        return {
            key: _tidied(dict(sorted(value.items())) if key in _NAMED and isinstance(value, dict) else value)
            for key, value in data.items()
        }
    return int(data) if isinstance(data, float) and data.is_integer() else data


def _lines(value: Any, lead: str, indent: int) -> str:  # noqa: ANN401 - any JSON
    """`lead` and the value, from column `indent` levels on."""
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    members = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    simple = not any(isinstance(member, dict | list) for member in members)
    if simple or len(_INDENT) * indent + len(lead) + len(flat) < WIDTH:
        return f"{_INDENT * indent}{lead}{flat}"
    opened, closed = ("{", "}") if isinstance(value, dict) else ("[", "]")
    leads = (
        [f"{json.dumps(key, ensure_ascii=False)}: " for key in value] if isinstance(value, dict) else [""] * len(value)
    )
    inner = ",\n".join(_lines(member, name, indent + 1) for name, member in zip(leads, members, strict=True))
    return f"{_INDENT * indent}{lead}{opened}\n{inner}\n{_INDENT * indent}{closed}"
