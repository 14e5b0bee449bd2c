"""The report as GitHub's markdown: the comment on a pull request, and the job summary."""

from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.render.body import Detail, body
from chamiperf_ci.render.context import Context
from chamiperf_ci.render.ladder import fit, size_in_bytes
from chamiperf_ci.render.surface import Markdown

COMMENT_LIMIT = 60_000
SUMMARY_LIMIT_BYTES = 900_000


def comment_body(verdict: Verdict, *, limit: int = COMMENT_LIMIT, context: Context) -> str:
    """Return the comment, at most `limit` characters long.

    Everything in the verdict is taken for hostile: names and sentences are escaped and no markup of theirs survives.
    What does not fit is shed in this order: sentences of the folded tables and the chart, unchanged rows, all but the
    ten worst rows of each section, everything but the counts; each time with a pointer to the artifact.
    """
    surface = Markdown(compact=True)
    return fit(lambda detail: body(verdict, surface, context, detail), limit)


def summary(verdict: Verdict, *, context: Context, limit: int = SUMMARY_LIMIT_BYTES) -> str:
    """Return the job summary, at most `limit` bytes: above 1 MiB GitHub drops it without a word."""
    surface = Markdown()
    return fit(
        lambda detail: body(verdict, surface, context, detail),
        limit,
        size=size_in_bytes,
        levels=(Detail.EVERYTHING, Detail.NO_SENTENCES, Detail.NO_UNCHANGED, Detail.FEW_ROWS, Detail.COUNTS),
    )
