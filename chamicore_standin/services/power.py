"""Power transitions and their tasks (contract section 3.8)."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from chamicore_standin.context import PooledClient, Unreachable, WorkerContext
from chamicore_standin.http import Endpoint, Problem, Request, Response, encode
from chamicore_standin.resources import Field, decode, now, page_of, random_id
from chamicore_standin.service import BuiltService
from chamicore_standin.storage import Database
from chamicore_standin.sync import COMPONENTS_PATH, INTERFACES_PATH, SmdReader
from chamicore_standin.tokens import Gatekeeper

OPERATIONS = ("On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "Nmi")
_ALIASES = {"off": "ForceOff", "reboot": "ForceRestart", "shutdown": "GracefulShutdown", "restart": "GracefulRestart"}
_BY_NAME = {**{name.lower(): name for name in OPERATIONS}, **_ALIASES}

ACTIONS = {"on": "On", "off": "ForceOff", "reboot": "ForceRestart"}
"""The routes below `/actions` that need no operation."""

POWER_AFTER: Mapping[str, str] = {
    "On": "On",
    "ForceOff": "Off",
    "GracefulShutdown": "Off",
    "GracefulRestart": "On",
    "ForceRestart": "On",
    "Nmi": "On",
}


def operation_of(text: str) -> str | None:
    """The operation meant, whatever its case or alias; None for none."""
    return _BY_NAME.get(re.sub(r"[^a-z]", "", text.lower()))


def state_of(task_states: Sequence[str], *, dry_run: bool) -> str:
    """A transition's state from its tasks'. A dry run is planned, even where a task failed for want of a mapping."""
    if dry_run:
        return "planned"
    open_tasks = [state for state in task_states if state in ("pending", "running")]
    if open_tasks:
        # A task that failed for want of a mapping never started, so it does not make the transition run.
        return "running" if {"running", "succeeded"} & set(task_states) else "pending"
    if all(state == "canceled" for state in task_states):
        return "canceled"
    succeeded = task_states.count("succeeded")
    return "completed" if succeeded == len(task_states) else "partial" if succeeded else "failed"


class NodeNames:
    """Looks groups up in SMD."""

    def __init__(self, smd: PooledClient | None) -> None:
        self._smd = smd

    async def expanded(self, nodes: Sequence[str], groups: Sequence[str]) -> list[str]:
        """Every node named, once each.

        Raises:
            Problem: 400 for none, 404 for an unknown group, 502 where SMD cannot be read.
        """
        wanted = dict.fromkeys(nodes)
        for group in groups:
            wanted.update(dict.fromkeys(await self._members(group)))
        if not wanted:
            raise Problem(400, "no node is named")
        return list(wanted)

    async def _members(self, group: str) -> list[str]:
        if self._smd is None:
            raise Problem(502, "the groups cannot be read: there is no SMD")
        try:
            reply = await self._smd.get(f"/hsm/v2/groups/{group}")
        except Unreachable as fault:
            raise Problem(502, f"the groups cannot be read: {fault}") from None
        if reply.status == 404:  # noqa: PLR2004
            raise Problem(404, f"group {group} not found")
        if reply.status != 200:  # noqa: PLR2004
            raise Problem(502, f"the groups cannot be read: SMD answered {reply.status}")
        return list(reply.json()["spec"]["members"])


_MAPPINGS_SCHEMA = """
CREATE TABLE IF NOT EXISTS bmc_endpoints (bmc_id TEXT PRIMARY KEY, endpoint TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS node_bmc_links (node_id TEXT PRIMARY KEY, bmc_id TEXT NOT NULL) WITHOUT ROWID;
"""

RETRY_S = 1.0


class Mappings:
    """Keeps the links in step with SMD, every interval and when asked to."""

    def __init__(self, context: WorkerContext, database: Database) -> None:
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

    async def sync_now(self, request: Request) -> Response:
        """Sync and answer when it is done: 202, or 500 where it failed."""
        decode((), request.json_object())
        try:
            if "smd" not in self._context.urls:
                raise Unreachable("there is no SMD")  # noqa: TRY301
            await self._sync()
        except Unreachable as fault:
            raise Problem(500, f"the mapping sync failed: {fault}") from None
        document = {
            "kind": "MappingSyncTrigger",
            "apiVersion": API_VERSION,
            "metadata": {"id": "power-mapping-sync"},
            "spec": {"status": "accepted"},
        }
        return Response(202, encode(document))

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


API_VERSION = "power/v1"
MOST_NODES = 20
MOST_LISTED = 1000
TASK_S = 0.1
"""Seconds until a task that is not a dry run succeeds."""

_TRANSITIONS_SCHEMA = """
CREATE TABLE IF NOT EXISTS transitions (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, request_id TEXT, operation TEXT NOT NULL,
    requested_by TEXT, dry_run INTEGER NOT NULL, queued_at TEXT NOT NULL, started_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS transition_tasks (
    seq INTEGER PRIMARY KEY, transition_id TEXT NOT NULL REFERENCES transitions (id) ON DELETE CASCADE,
    node_id TEXT NOT NULL, bmc_id TEXT, endpoint TEXT, state TEXT NOT NULL, error TEXT, power TEXT,
    started_at TEXT, completed_at TEXT);
CREATE INDEX IF NOT EXISTS tasks_by_transition ON transition_tasks (transition_id);
CREATE INDEX IF NOT EXISTS tasks_by_node ON transition_tasks (node_id, seq);
CREATE INDEX IF NOT EXISTS tasks_pending ON transition_tasks (state) WHERE state IN ('pending', 'running');
"""

# The state stands in the text: of a parameter the planner cannot know that `tasks_pending` has it, and would read every
# task that any load has left.
_DUE = (
    "SELECT t.seq, x.operation FROM transition_tasks t JOIN transitions x ON x.id = t.transition_id"
    " WHERE t.state = '{}' AND x.started_ns < ?"
)
_PENDING, _RUNNING = _DUE.format("pending"), _DUE.format("running")

_ACTION_BODY = (
    Field("requestID"),
    Field("nodes", "texts"),
    Field("groups", "texts"),
    Field("dryRun", "flag"),
)
_BODY = (Field("operation"), *_ACTION_BODY)


class Transitions:
    """Starts transitions, shows them, and lets their tasks end."""

    def __init__(self, database: Database, nodes: NodeNames) -> None:
        self._database = database
        self._nodes = nodes

    def start(self, operation: str | None) -> Callable[[Request], Awaitable[Response]]:
        """A handler for a transition with this operation, or with the one in the body."""

        async def handler(request: Request) -> Response:
            body = decode(_ACTION_BODY if operation else _BODY, request.json_object())
            wanted = operation or operation_of(body.get("operation") or "")
            if wanted is None:
                raise Problem(400, "unknown operation")
            nodes = await self._nodes.expanded(body.get("nodes") or [], body.get("groups") or [])
            if len(nodes) > MOST_NODES:
                raise Problem(400, f"more than {MOST_NODES} nodes")
            asked = body.get("requestID") or request.header("x-request-id") or random_id({})
            ident = self._store(wanted, nodes, asked, request.claims.get("sub", ""), dry_run=bool(body.get("dryRun")))
            return self._shown(202, ident, (("location", f"/power/v1/transitions/{ident}"),))

        return handler

    def _store(self, operation: str, nodes: Sequence[str], asked: str, by: str, *, dry_run: bool) -> str:
        ident, (at, stamp) = random_id({}), now()
        with self._database.transaction():
            self._database.write(
                "INSERT INTO transitions (id, request_id, operation, requested_by, dry_run, queued_at, started_ns)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (ident, asked, operation, by, dry_run, at, stamp),
            )
            for node in nodes:
                self._store_task(ident, node, at, dry_run=dry_run)
        return ident

    def _store_task(self, transition: str, node: str, at: str, *, dry_run: bool) -> None:
        mapped = self._database.one(
            "SELECT bmc_id, endpoint FROM node_bmc_links JOIN bmc_endpoints USING (bmc_id) WHERE node_id = ?", (node,)
        )
        state = "failed" if mapped is None else "planned" if dry_run else "pending"
        bmc, endpoint = mapped or ("", "")
        error = "" if mapped else "no BMC with an address is known for this node"
        self._database.write(
            "INSERT INTO transition_tasks (transition_id, node_id, bmc_id, endpoint, state, error, completed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (transition, node, bmc, endpoint, state, error, None if state == "pending" else at),
        )

    async def finish(self) -> None:
        """Let tasks succeed once their moment has come."""
        while True:
            await asyncio.sleep(TASK_S / 2)
            for seq, _ in self._due(_PENDING, TASK_S / 2):
                self._database.write(
                    "UPDATE transition_tasks SET state = 'running', started_at = ? WHERE seq = ?", (now()[0], seq)
                )
            for seq, operation in self._due(_RUNNING, TASK_S):
                self._database.write(
                    "UPDATE transition_tasks SET state = 'succeeded', power = ?, completed_at = ? WHERE seq = ?",
                    (POWER_AFTER[operation], now()[0], seq),
                )

    def _due(self, statement: str, after_s: float) -> list[tuple[Any, ...]]:
        """The tasks in a state whose transition was queued so long ago, each with its operation."""
        return self._database.all(statement, (time.time_ns() - int(after_s * 1e9),))

    def get(self, request: Request) -> Response:
        """A transition with its tasks."""
        return self._shown(200, request.args[0])

    def cancel(self, request: Request) -> Response:
        """Cancel what has not ended: 202 with the transition."""
        ident = request.args[0]
        self._row(ident)
        self._database.write(
            "UPDATE transition_tasks SET state = 'canceled', completed_at = ?"
            " WHERE transition_id = ? AND state IN ('pending', 'running')",
            (now()[0], ident),
        )
        return self._shown(202, ident)

    def page(self, request: Request) -> Response:
        """Transitions without their tasks, newest first."""
        limit, offset = page_of(request.query, MOST_LISTED)
        rows = self._database.all("SELECT id FROM transitions ORDER BY seq DESC LIMIT ? OFFSET ?", (limit, offset))
        count = self._database.one("SELECT count(*) FROM transitions")
        metadata = {"total": (count or (0,))[0], "limit": limit, "offset": offset}
        items = [self._resource(ident, with_tasks=False) for (ident,) in rows]
        document = {"kind": "TransitionList", "apiVersion": API_VERSION, "metadata": metadata, "items": items}
        return Response(200, encode(document))

    def _row(self, ident: str) -> tuple[Any, ...]:
        row = self._database.one(
            "SELECT request_id, operation, requested_by, dry_run, queued_at FROM transitions WHERE id = ?", (ident,)
        )
        if row is None:
            raise Problem(404, f"transition {ident} not found")
        return row

    def _shown(self, status: int, ident: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        return Response(status, encode(self._resource(ident, with_tasks=True)), headers=headers)

    def _resource(self, ident: str, *, with_tasks: bool) -> dict[str, Any]:
        asked, operation, by, dry_run, queued_at = self._row(ident)
        tasks = [
            _task(row, operation, queued_at, dry_run=bool(dry_run))
            for row in self._database.all(
                "SELECT node_id, bmc_id, endpoint, state, error, power, started_at, completed_at FROM transition_tasks"
                " WHERE transition_id = ? ORDER BY seq",
                (ident,),
            )
        ]
        states = [task["state"] for task in tasks]
        state = state_of(states, dry_run=bool(dry_run))
        is_open = state in ("pending", "running")
        ended = None if is_open else max((task["completedAt"] for task in tasks), default=queued_at)
        begun = min((task["startedAt"] for task in tasks if "startedAt" in task), default=None)
        spec = {
            "requestID": asked,
            "operation": operation,
            "state": state,
            "requestedBy": by,
            "dryRun": bool(dry_run),
            "targetCount": len(tasks),
            "successCount": states.count("succeeded"),
            "failureCount": states.count("failed") + states.count("canceled"),
            "queuedAt": queued_at,
            "startedAt": begun,
            "completedAt": ended,
        }
        spec = {**_without_empty(spec), **({"tasks": tasks} if with_tasks else {})}
        metadata = {"id": ident, "createdAt": queued_at, "updatedAt": ended or queued_at}
        return {"kind": "Transition", "apiVersion": API_VERSION, "metadata": metadata, "spec": spec}


def _task(row: Sequence[Any], operation: str, queued_at: str, *, dry_run: bool) -> dict[str, Any]:
    node, bmc, endpoint, state, error, power, started_at, completed_at = row
    document = {
        "nodeID": node,
        "bmcID": bmc,
        "endpoint": endpoint,
        "operation": operation,
        "state": state,
        "dryRun": dry_run,
        "attemptCount": int(started_at is not None),
        "finalPowerState": power,
        "errorDetail": error,
        "queuedAt": queued_at,
        "startedAt": started_at,
        "completedAt": completed_at,
    }
    return _without_empty(document)


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not known, as the real service does: an empty operation is none that its OpenAPI allows."""
    return {name: value for name, value in document.items() if value not in (None, "")}


class Statuses:
    """What is known of nodes' power."""

    def __init__(self, database: Database, nodes: NodeNames) -> None:
        self._database = database
        self._nodes = nodes

    async def get(self, request: Request) -> Response:
        """The status of the nodes that the query names."""
        named: dict[str, list[str]] = {"node": [], "group": []}
        for name, value in request.query_pairs():
            named.get(name.rstrip("s"), []).extend(part for part in value.split(",") if part)
        nodes = await self._nodes.expanded(named["node"], named["group"])
        statuses = [self._status(node) for node in nodes]
        document = {
            "kind": "PowerStatus",
            "apiVersion": API_VERSION,
            "metadata": {"id": "power-status"},
            "spec": {"nodeStatuses": statuses, "total": len(statuses)},
        }
        return Response(200, encode(document))

    def _status(self, node: str) -> dict[str, Any]:
        linked = self._database.one("SELECT bmc_id FROM node_bmc_links WHERE node_id = ?", (node,))
        last = self._database.one(
            "SELECT t.transition_id, x.operation, t.state, t.power, t.error, t.started_at, t.completed_at"
            " FROM transition_tasks t"
            " JOIN transitions x ON x.id = t.transition_id WHERE t.node_id = ? ORDER BY t.seq DESC LIMIT 1",
            (node,),
        )
        transition, operation, state, power, error, started_at, completed_at = last or ("", "", "unknown", *[None] * 4)
        status = {
            "nodeID": node,
            "bmcID": linked[0] if linked else "",
            "transitionID": transition,
            "operation": operation,
            "state": state if linked else "unresolved",
            "powerState": power,
            "errorDetail": error,
            "lastUpdatedAt": completed_at or started_at,
            "lastCompletedAt": completed_at,
        }
        return _without_empty(status)


SCHEMA = _TRANSITIONS_SCHEMA + _MAPPINGS_SCHEMA


def build(context: WorkerContext, _gatekeeper: Gatekeeper) -> BuiltService:
    """The power service."""
    database = context.database(SCHEMA)
    smd = context.client("smd") if "smd" in context.urls else None
    nodes = NodeNames(smd)
    transitions, statuses = Transitions(database, nodes), Statuses(database, nodes)
    mappings = Mappings(context, database)
    write = "write:power"
    return BuiltService(
        routes=[
            Endpoint("POST", "/power/v1/transitions", transitions.start(None), "transitions-create", write),
            *(
                Endpoint(
                    "POST", f"/power/v1/actions/{action}", transitions.start(operation), f"actions-{action}", write
                )
                for action, operation in ACTIONS.items()
            ),
            Endpoint("POST", "/power/v1/actions/reset", transitions.start(None), "actions-reset", write),
            Endpoint("GET", "/power/v1/transitions", transitions.page, "transitions-list", "read:power"),
            Endpoint("GET", "/power/v1/transitions/{id}", transitions.get, "transitions-get", "read:power"),
            Endpoint("DELETE", "/power/v1/transitions/{id}", transitions.cancel, "transitions-cancel", write),
            Endpoint("GET", "/power/v1/power-status", statuses.get, "power-status", "read:power"),
            Endpoint("POST", "/power/v1/admin/mappings/sync", mappings.sync_now, "mappings-sync", "admin:power"),
        ],
        database=database,
        ready=mappings.not_ready if smd is not None else lambda: None,
        tasks=(transitions.finish, *((mappings.follow,) if smd is not None else ())),
    )
