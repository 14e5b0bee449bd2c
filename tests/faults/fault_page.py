"""The rows as docs/faults.md lists them: by kind, and within a kind by outcome."""

from itertools import groupby
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- rows: made by `python tests/faults` -->\n", "<!-- end of rows -->\n"


def seen(must):
    """The outcome that a fault must have: the exit codes, equal neighbors once, the verdict and its reasons."""
    codes = ", ".join(code for code, _ in groupby(end.split()[1] for end in must.ends.split(", ")))
    word = "" if must.word == "-" else f" {must.word}"
    reasons = f" ({', '.join(must.reasons.split())})" if must.reasons else ""
    return f"{codes}{word}".replace("|", "/") + reasons


def rows_as_text(themes):
    """A list for each theme: the outcome, and the faults that have it."""
    parts = [f"{sum(len(theme.rows) for theme in themes)} faults.\n"]
    for theme in themes:
        outcomes = {}
        for row in theme.rows:
            outcomes.setdefault(seen(row.must), []).append(row.name)
        lines = "\n".join(f"- **{outcome}**: {'; '.join(names)}" for outcome, names in outcomes.items())
        parts.append(f"### {theme.name[0].upper()}{theme.name[1:]}\n\n{lines}\n")
    return "\n".join(parts)


def with_rows(page, themes):
    """The page's text with its rows written anew."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{rows_as_text(themes)}\n{END}{rest.partition(END)[2]}"
