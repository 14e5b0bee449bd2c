"""The table that `make faults` prints: every row as it went, and the two columns that must add up to zero."""

from tabulate import tabulate

_WIDTHS = (None, 34, 30, 16, 30, 30, None, None, None)
_HEADERS = (
    "theme",
    "what is broken",
    "ended",
    "verdict",
    "reasons",
    "kept",
    "silent pass",
    "slow, not the service",
    "as it must",
)


def entry(fault, observed):
    """A row's entry, as plain values that travel from one process to another."""
    reasons = sorted(observed.run_reasons | (observed.row_reasons & set(fault.must.reasons.split())))
    return {
        "theme": fault.theme,
        "name": fault.name,
        "ended": observed.ended,
        "word": observed.word,
        "reasons": ", ".join(reasons),
        "kept": " ".join(observed.kept) or "-",
        "silent": int(observed.is_silent_pass(fault.must)),
        "slow": int(observed.is_slow_without_cause(fault.must)),
        "good": not observed.differences(fault.must),
    }


def table(entries):
    """All rows, by theme and name, with sums."""
    ordered = sorted(entries, key=lambda each: (each["theme"], each["name"]))
    lines = [
        (each["theme"], each["name"], each["ended"], each["word"], each["reasons"] or "-", each["kept"],
         each["silent"], each["slow"], "yes" if each["good"] else "NO")
        for each in ordered
    ]  # fmt: skip
    silent, slow = (sum(each[column] for each in ordered) for column in ("silent", "slow"))
    good = sum(each["good"] for each in ordered)
    last = ("in all", f"{len(ordered)} faults", "", "", "", "", silent, slow, f"{good} of {len(ordered)}")
    return tabulate([*lines, last], headers=_HEADERS, tablefmt="simple_grid", maxcolwidths=list(_WIDTHS))
