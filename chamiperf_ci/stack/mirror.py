"""What a service keeps of SMD: components and interfaces in tables of its own, changed row by row."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from chamiperf_ci.stack.storage import Database
from chamiperf_ci.stack.sync import Inventory
from chamiperf_ci.stack.sync_store import batches

Rows = dict[str, tuple[Any, ...]]


class Mirror:
    """The copy, and the difference between it and a new reading."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._components: Rows = {
            row[0]: row for row in database.all("SELECT id, type, role, nid FROM synced_components")
        }
        self._interfaces: Rows = {
            row[0]: row for row in database.all("SELECT mac, component_id, ip FROM synced_interfaces")
        }

    async def follow(self, inventory: Inventory) -> int:
        """Make the copy equal to a reading; the number of rows changed."""
        components = _components_of(inventory.components.items)
        interfaces = _interfaces_of(inventory.interfaces.items)
        changed = await self._replace(
            "synced_components", "id", self._components, components, inventory.components.torn
        )
        changed += await self._replace(
            "synced_interfaces", "mac", self._interfaces, interfaces, inventory.interfaces.torn
        )
        return changed

    async def _replace(self, table: str, key: str, old: Rows, new: Rows, torn: bool) -> int:
        """`old` becomes `new`; from a torn reading nothing is taken for gone."""
        written = [row for ident, row in new.items() if old.get(ident) != row]
        gone = [] if torn else [(ident,) for ident in old if ident not in new]
        marks = ", ?" * (len(written[0]) - 1) if written else ""
        await self.write(f"INSERT OR REPLACE INTO {table} VALUES (?{marks})", written)  # noqa: S608 - our own tables
        await self.write(f"DELETE FROM {table} WHERE {key} = ?", gone)  # noqa: S608
        old.update({row[0]: row for row in written})
        for (ident,) in gone:
            del old[ident]
        return len(written) + len(gone)

    async def write(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run a statement for each row, in portions between which others get their turn; the rows it touched."""
        touched = 0
        for batch in batches(list(rows)):
            with self._database.transaction():
                touched += sum(self._database.write(sql, row) for row in batch)
            await asyncio.sleep(0)
        return touched


def _components_of(items: Sequence[Mapping[str, Any]]) -> Rows:
    return {item["id"]: (item["id"], item.get("type"), item.get("role"), item.get("nid")) for item in items}


def _interfaces_of(items: Sequence[Mapping[str, Any]]) -> Rows:
    rows = {}
    for item in items:
        mac = item["macAddr"].lower()
        rows[mac] = (mac, item["componentId"], next(iter(item.get("ipAddrs") or ()), None))
    return rows
