"""Documents that belong to another node, served on purpose with 200."""

import random
from typing import Any

from chamiperf_ci.stack import faults
from chamiperf_ci.stack.storage import Database


class Swaps:
    """Exchanges a share of one table's documents for those of the next row."""

    def __init__(self, database: Database, table: str, *, seed: int) -> None:
        self._database = database
        self._table = table
        self._random = random.Random(seed)  # noqa: S311 - a seeded fault, not a secret
        self._share = 0.0

    def follow(self, active: tuple[faults.Fault, ...]) -> None:
        """Take note of the share to be swapped."""
        self._share = max((fault.share for fault in active if isinstance(fault, faults.SwapScripts)), default=0.0)

    def of(self, column: str, document: Any, seq: int) -> Any:  # noqa: ANN401 - text or bytes, as the column has it
        """The document to be served for a row: its own, or another's; its own where there is no other."""
        if not self._share or self._random.random() >= self._share:
            return document
        for condition in ("seq > ?", "seq < ?"):
            other = self._database.one(
                f"SELECT {column} FROM {self._table} WHERE {condition} AND NOT lost ORDER BY seq LIMIT 1",  # noqa: S608
                (seq,),
            )
            if other is not None:
                return other[0]
        return document
