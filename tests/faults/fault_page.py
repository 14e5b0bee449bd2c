"""The rows as docs/faults.md lists them."""

from pathlib import Path

from tabulate import tabulate

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- rows: made by `python tests/faults` -->\n", "<!-- end of rows -->\n"


def rows_as_text(themes):
    """A table a theme: what is broken, and the outcome that it must have."""
    parts = [f"{sum(len(theme.rows) for theme in themes)} rows.\n"]
    for theme in themes:
        lines = [
            (row.name, row.must.ends, row.must.word, row.must.reasons or "-", row.must.kept or "-")
            for row in theme.rows
        ]
        headers = ("what is broken", "commands and exit codes", "verdict", "reasons", "kept below `out`")
        table = tabulate([[cell.replace("|", " or ") for cell in line] for line in lines], headers, tablefmt="github")
        parts.append(f"### {theme.name[0].upper()}{theme.name[1:]}\n\n{table}\n")
    return "\n".join(parts)


def with_rows(page, themes):
    """The page's text with its rows written anew."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{rows_as_text(themes)}\n{END}{rest.partition(END)[2]}"
