"""Discovery: BMC scan targets and scan jobs (contract section 3.7). Scans end by themselves and find nothing."""

import asyncio
import json
import time

from chamicore_standin.context import WorkerContext
from chamicore_standin.http import Endpoint, Problem, Request, Response, compact, encode
from chamicore_standin.resources import COMMON_COLUMNS, Collection, Field, ResourceType, decode
from chamicore_standin.service import BuiltService
from chamicore_standin.storage import Database
from chamicore_standin.tokens import Gatekeeper

DRIVERS = ("redfish", "ipmi", "csv")
SCAN_S = 0.2
"""Seconds until a scan is completed."""

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS targets ({COMMON_COLUMNS}, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS scan_jobs ({COMMON_COLUMNS}, state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS scan_jobs_by_state ON scan_jobs (state);
"""

_SCOPES = ("read:discovery", "write:discovery")

TARGETS = ResourceType(
    kind="Target",
    path="/discovery/v1/targets",
    table="targets",
    fields=(
        Field("name", required=True),
        Field("driver", required=True, choices=frozenset(DRIVERS)),
        Field("addresses", "texts", required=True),
        Field("credentialId"),
        Field("schedule"),
        Field("enabled", "flag", default=True),
    ),
    columns=lambda spec: {"name": spec["name"]},
    filters={"name": "name = ?"},
    scopes=_SCOPES,
)
_SCAN_FIELDS = (
    Field("driver", required=True, choices=frozenset(DRIVERS)),
    Field("addresses", "texts"),
    Field("credentialId"),
    Field("data", "object"),
)
SCANS = ResourceType(
    kind="Scan",
    path="/discovery/v1/scans",
    table="scan_jobs",
    fields=(*_SCAN_FIELDS, Field("targetId"), Field("state", default="pending")),
    columns=lambda spec: {"state": spec["state"]},
    filters={"state": "state = ?"},
    scopes=_SCOPES,
)


class Scanning:
    """Starts, cancels and ends scans."""

    def __init__(self, database: Database, targets: Collection, scans: Collection) -> None:
        self._database = database
        self._targets = targets
        self._scans = scans

    def start(self, request: Request) -> Response:
        """A scan of the addresses in the body."""
        return self._started(decode(_SCAN_FIELDS, request.json_object()))

    def start_target(self, request: Request) -> Response:
        """A scan of a target's addresses."""
        decode((), request.json_object())
        target = json.loads(self._targets.row(request.args[0])[1])
        body = {"driver": target["driver"], "addresses": target["addresses"], "targetId": request.args[0]}
        return self._started(body)

    def _started(self, body: dict[str, object]) -> Response:
        row = self._scans.insert(body)
        return self._scans.single(202, row, (("location", f"{SCANS.path}/{row[0]}"),))

    def cancel(self, request: Request) -> Response:
        """Cancel a scan that has not ended: 202 with the scan; 409 for one that has."""
        ident = self._scans.row(request.args[0])[0]
        if not self._end("cancelled", "id = ?", ident):
            raise Problem(409, f"scan {ident} has ended")
        return self._scans.single(202, self._scans.row(ident))

    def _end(self, state: str, condition: str, value: object) -> int:
        """Bring the pending scans that fulfil a condition to an end; how many that were."""
        open_scans = f"SELECT seq, spec FROM scan_jobs WHERE state = 'pending' AND {condition}"  # noqa: S608 - our own
        return sum(
            self._database.write(
                "UPDATE scan_jobs SET spec = ?, state = ?, updated_ns = updated_ns + 1"
                " WHERE seq = ? AND state = 'pending'",
                (compact({**json.loads(spec), "state": state}), state, seq),
            )
            for seq, spec in self._database.all(open_scans, (value,))
        )

    async def finish(self) -> None:
        """Complete scans that have run long enough."""
        while True:
            await asyncio.sleep(SCAN_S / 2)
            self._end("completed", "updated_ns < ?", time.time_ns() - int(SCAN_S * 1e9))


def _drivers(_request: Request) -> Response:
    items = [
        {"kind": "Driver", "apiVersion": "discovery/v1", "metadata": {"id": name}, "spec": {"name": name}}
        for name in DRIVERS
    ]
    metadata = {"total": len(items), "limit": len(items), "offset": 0}
    document = {"kind": "DriverList", "apiVersion": "discovery/v1", "metadata": metadata, "items": items}
    return Response(200, encode(document))


def build(context: WorkerContext, _gatekeeper: Gatekeeper) -> BuiltService:
    """The discovery service."""
    database, clamp = context.database(SCHEMA), context.options.page_clamp
    targets = Collection(TARGETS, database, api_version="discovery/v1", page_clamp=clamp)
    scans = Collection(SCANS, database, api_version="discovery/v1", page_clamp=clamp)
    scanning = Scanning(database, targets, scans)
    read, write = _SCOPES
    return BuiltService(
        routes=[
            *targets.routes(),
            *scans.routes("list get"),
            Endpoint("POST", TARGETS.path + "/{id}/scan", scanning.start_target, "targets-scan", write),
            Endpoint("POST", SCANS.path, scanning.start, "scans-create", write),
            Endpoint("DELETE", SCANS.path + "/{id}", scanning.cancel, "scans-cancel", write),
            Endpoint("GET", "/discovery/v1/drivers", _drivers, "drivers", read),
        ],
        database=database,
        tasks=(scanning.finish,),
    )
