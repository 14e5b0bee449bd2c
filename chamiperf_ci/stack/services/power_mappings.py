"""Which BMC powers which node, learnt from SMD: a node's parent, where that is a BMC with an address (contract 3.8)."""

import asyncio

from chamiperf_ci.stack.client import Unreachable
from chamiperf_ci.stack.fields import decode
from chamiperf_ci.stack.http import Answer, Problem, Request, encode
from chamiperf_ci.stack.service import Context
from chamiperf_ci.stack.smd_reader import SmdReader
from chamiperf_ci.stack.storage import Database
from chamiperf_ci.stack.sync import COMPONENTS_PATH, INTERFACES_PATH

SCHEMA = """
CREATE TABLE IF NOT EXISTS bmc_endpoints (bmc_id TEXT PRIMARY KEY, endpoint TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS node_bmc_links (node_id TEXT PRIMARY KEY, bmc_id TEXT NOT NULL) WITHOUT ROWID;
"""

RETRY_S = 1.0


class Mappings:
    """Keeps the links in step with SMD, every interval and when asked to."""

    def __init__(self, context: Context, database: Database) -> None:
        self._context = context
        self._database = database
        self._ready = False
        if "smd" in context.urls:
            client, truncating = context.client("smd"), context.options.truncate_sync
            self._components = SmdReader(client, COMPONENTS_PATH, truncating=truncating)
            self._interfaces = SmdReader(client, INTERFACES_PATH, truncating=truncating)

    def not_ready(self) -> str | None:
        """Why the service is not ready as far as its mappings go."""
        return None if self._ready else "the first mapping sync is not done"

    async def follow(self) -> None:
        """Sync for ever."""
        while True:
            try:
                await self._sync()
                await asyncio.sleep(self._context.options.sync_interval_s)
            except Unreachable:
                await asyncio.sleep(RETRY_S)

    async def sync_now(self, request: Request) -> Answer:
        """Sync and answer when it is done: 202, or 500 where it failed."""
        decode((), request.json_object())
        try:
            if "smd" not in self._context.urls:
                raise Unreachable("there is no SMD")  # noqa: TRY301
            await self._sync()
        except Unreachable as fault:
            raise Problem(500, f"the mapping sync failed: {fault}") from None
        document = {"kind": "MappingSyncTrigger", "apiVersion": "power/v1", "spec": {"status": "accepted"}}
        return Answer(202, encode(document))

    async def _sync(self) -> None:
        components, interfaces = await self._components.read(), await self._interfaces.read()
        if self._ready and not (components.changed or interfaces.changed):
            return
        addresses = {each["componentId"]: each["ipAddrs"][0] for each in interfaces.items if each.get("ipAddrs")}
        endpoints = {
            each["id"]: f"https://{addresses[each['id']]}/redfish/v1"
            for each in components.items
            if each.get("type") == "BMC" and each["id"] in addresses
        }
        links = [(each["id"], each["parentId"]) for each in components.items if each.get("parentId") in endpoints]
        with self._database.transaction():
            self._database.write("DELETE FROM bmc_endpoints")
            self._database.write("DELETE FROM node_bmc_links")
            for endpoint in endpoints.items():
                self._database.write("INSERT INTO bmc_endpoints VALUES (?, ?)", endpoint)
            for link in links:
                self._database.write("INSERT INTO node_bmc_links VALUES (?, ?)", link)
        self._ready = True
