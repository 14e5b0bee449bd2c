"""Many rows at once: Benjamini and Hochberg's procedure (1995), with a cap on each row's own p."""

from collections.abc import Sequence

FALSE_DISCOVERY_RATE = 0.05
LARGEST_P = 0.01


def survivors(
    p_values: Sequence[float], *, q: float = FALSE_DISCOVERY_RATE, largest_p: float = 1.0
) -> tuple[bool, ...]:
    """Say for each p whether it is rejected at false discovery rate `q` and also lies below `largest_p`.

    Equal p values are decided alike, so the order of rows is irrelevant. A night uses `largest_p` = `LARGEST_P`.
    """
    ranked = sorted(p_values)
    threshold = max((p for rank, p in enumerate(ranked, start=1) if p <= q * rank / len(ranked)), default=-1.0)
    return tuple(p <= threshold and p < largest_p for p in p_values)
