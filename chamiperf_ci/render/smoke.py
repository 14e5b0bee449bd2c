"""The smoke test's table."""

from tabulate import tabulate

from chamiperf_ci.models.smoke import Smoke

_HEADERS = ("service", "operation", "outcome", "ms", "problem")


def table(document: Smoke) -> str:
    """One row a check, in the order of the checks."""
    rows = [
        (check.service, check.operation, check.outcome, f"{check.duration_ms:.1f}", check.problem)
        for check in document.checks
    ]
    return tabulate(rows, headers=_HEADERS, tablefmt="simple", disable_numparse=True, colalign=(*["left"] * 3, "right"))


def conclusion(document: Smoke) -> str:
    """One sentence, then one line for each thing left behind and each warning."""
    outcomes = [check.outcome for check in document.checks]
    counts = ", ".join(f"{outcomes.count(each)} {each}" for each in ("ok", "failed", "skipped") if each in outcomes)
    verdict = "works" if document.ok else "does not work"
    lines = [f"{document.environment} {verdict}: {counts}; {document.seconds:.1f} s"]
    lines += [f"left behind: {each}" for each in document.left_behind]
    lines += [f"warning: {each}" for each in document.warnings]
    return "\n".join(lines)
