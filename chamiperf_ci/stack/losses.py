"""Rows that a service has lost on purpose: still in its table, and answered as if they had never been there."""

import asyncio
import random

from chamiperf_ci.stack import faults
from chamiperf_ci.stack.storage import Database

VISIBLE = "NOT lost"
"""The SQL condition of a row that is not lost."""

TOP_UP_S = 0.25


class Losses:
    """Keeps as many rows of one table lost as the fault says; only the leading worker chooses them."""

    def __init__(self, table: str, database: Database, *, leader: bool) -> None:
        self._table = table
        self._database = database
        self._leader = leader
        self._wanted: faults.LoseSync | None = None

    def follow(self, active: tuple[faults.Fault, ...]) -> None:
        """Lose rows, or find them again."""
        losses = [fault for fault in active if isinstance(fault, faults.LoseSync)]
        self._wanted = losses[-1] if losses else None
        if self._leader:
            self._top_up()

    async def keep(self) -> None:
        """Lose rows that arrive later, until there are enough."""
        while self._leader:
            if self._wanted is not None:
                self._top_up()
            await asyncio.sleep(TOP_UP_S)

    def _top_up(self) -> None:
        if self._wanted is None:
            self._database.write(f"UPDATE {self._table} SET lost = 0 WHERE lost")  # noqa: S608 - our own table
            return
        row = self._database.one(f"SELECT count(*) FROM {self._table} WHERE lost")  # noqa: S608
        short = self._wanted.count - (row[0] if row else 0)
        if short <= 0:
            return
        present = [each[0] for each in self._database.all(f"SELECT seq FROM {self._table} WHERE NOT lost ORDER BY seq")]  # noqa: S608
        chosen = random.Random(self._wanted.seed).sample(present, min(short, len(present)))  # noqa: S311
        with self._database.transaction():
            for seq in chosen:
                self._database.write(f"UPDATE {self._table} SET lost = 1 WHERE seq = ?", (seq,))  # noqa: S608
