"""Kea's control endpoint: DHCP reservations behind commands (contract 4.3), in the dialect of the shim or of stock Kea.

The shim answers `reservation-get-all` without being told a subnet, with `reservations`; stock Kea wants `subnet-id` and
answers with `hosts`.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from chamicore_standin.context import WorkerContext
from chamicore_standin.http import Endpoint, Problem, Request, Response, encode
from chamicore_standin.metrics import Family, Registry
from chamicore_standin.service import BuiltService
from chamicore_standin.storage import Database
from chamicore_standin.tokens import Gatekeeper
from chamiperf_ci.models import faults

SCHEMA = """
CREATE TABLE IF NOT EXISTS reservations (
    seq INTEGER PRIMARY KEY,
    mac TEXT NOT NULL UNIQUE,
    ip TEXT UNIQUE,
    document TEXT NOT NULL
);
"""

SUBNET_ID = 1
OK, ERROR, EMPTY = 0, 1, 3
"""Kea's result codes."""

Arguments = Mapping[str, Any]


class Refused(Exception):
    """A command that Kea answers with result 1 or 3 and a text."""

    def __init__(self, result: int, text: str) -> None:
        super().__init__(text)
        self.result = result
        self.text = text


class Control:
    """Kea's commands over a table of reservations."""

    def __init__(self, database: Database, style: str) -> None:
        self._database = database
        self._stock = style == "stock"
        self._stopped = False
        self._listed: tuple[tuple[int, int], bytes] | None = None
        self._commands: dict[str, Callable[[Arguments], tuple[str, dict[str, Any]]]] = {
            "reservation-add": self._add,
            "reservation-del": self._delete,
            "reservation-get": self._get,
            "lease4-get-all": self._leases,
            "list-commands": lambda _arguments: ("", {"commands": sorted([*self._commands, "reservation-get-all"])}),
            "version-get": lambda _arguments: ("embedded stand-in for Kea", {}),
        }

    def follow(self, active: tuple[faults.Fault, ...]) -> None:
        """Take note of the DHCP server's being down."""
        self._stopped = any(isinstance(fault, faults.KeaStop) for fault in active)

    def command(self, request: Request) -> Response:
        """Answer one command; Kea always answers 200, with an array, and says in `result` how it went."""
        body = request.json_object()
        name, arguments = body.get("command"), body.get("arguments") or {}
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise Problem(400, "a command and, at most, an object of arguments are expected")
        try:
            if self._stopped:
                raise Refused(ERROR, "unable to forward command to the dhcp4 service: Connection refused")  # noqa: TRY301
            if name == "reservation-get-all":
                return Response(200, self._all(arguments))
            if name not in self._commands:
                raise Refused(2, f"'{name}' command not supported.")  # noqa: TRY301
            text, result = self._commands[name](arguments)
        except Refused as refused:
            return Response(200, encode([{"result": refused.result, "text": refused.text}]))
        return Response(200, encode([{"result": OK, "text": text, **({"arguments": result} if result else {})}]))

    def _subnet(self, arguments: Arguments) -> int:
        given = arguments.get("subnet-id", None if self._stock else SUBNET_ID)
        if not isinstance(given, int):
            raise Refused(ERROR, "missing parameter 'subnet-id'")
        return given

    def _add(self, arguments: Arguments) -> tuple[str, dict[str, Any]]:
        reservation = arguments.get("reservation")
        if not isinstance(reservation, dict) or not isinstance(reservation.get("hw-address"), str):
            raise Refused(ERROR, "a reservation with an 'hw-address' is required")
        subnet = self._subnet(reservation)
        mac = reservation["hw-address"].lower()
        document = {**reservation, "hw-address": mac, **({"subnet-id": subnet} if self._stock else {})}
        text = encode(document).decode().rstrip("\n")
        try:
            self._database.write(
                "INSERT INTO reservations (mac, ip, document) VALUES (?, ?, ?)",
                (mac, reservation.get("ip-address"), text),
            )
        except Problem:
            raise Refused(ERROR, f"Database duplicate entry error: {mac}") from None
        return "Host added.", {}

    def _delete(self, arguments: Arguments) -> tuple[str, dict[str, Any]]:
        self._subnet(arguments)
        if not self._database.write("DELETE FROM reservations WHERE mac = ?", (_identifier(arguments),)):
            raise Refused(EMPTY, "Host not deleted (not found).")
        return "Host deleted.", {}

    def _get(self, arguments: Arguments) -> tuple[str, dict[str, Any]]:
        self._subnet(arguments)
        row = self._database.one("SELECT document FROM reservations WHERE mac = ?", (_identifier(arguments),))
        if row is None:
            raise Refused(EMPTY, "Host not found.")
        return "Host found.", dict(json.loads(row[0]))

    def _all(self, arguments: Arguments) -> bytes:
        """Every reservation; the text is kept until one changes, since propagation is measured by asking again."""
        self._subnet(arguments)
        version = self._database.version()
        if self._listed is None or self._listed[0] != version:
            rows = self._database.all("SELECT document FROM reservations ORDER BY seq")
            if not rows and self._stock:
                raise Refused(EMPTY, "0 IPv4 host(s) found.")
            key = "hosts" if self._stock else "reservations"
            items = ",".join(row[0] for row in rows)
            text = f'[{{"result":0,"text":"{len(rows)} IPv4 host(s) found.","arguments":{{"{key}":[{items}]}}}}]\n'
            self._listed = version, text.encode()
        return self._listed[1]

    def _leases(self, _arguments: Arguments) -> tuple[str, dict[str, Any]]:
        raise Refused(EMPTY, "0 IPv4 lease(s) found.")

    def count(self) -> int:
        """How many reservations there are."""
        row = self._database.one("SELECT count(*) FROM reservations")
        return int(row[0]) if row else 0


def _identifier(arguments: Arguments) -> str:
    given = arguments.get("identifier")
    if arguments.get("identifier-type") != "hw-address" or not isinstance(given, str):
        raise Refused(ERROR, "an 'identifier' of the type 'hw-address' is required")
    return given.lower()


def build(context: WorkerContext, _gatekeeper: Gatekeeper) -> BuiltService:
    """The control endpoint."""
    database = context.database(SCHEMA)
    control = Control(database, context.options.kea_style)

    def metrics(registry: Registry) -> Callable[[], None]:
        family = registry.add(Family("kea_reservations", "gauge", "Reservations held."))
        return lambda: family.set(control.count())

    return BuiltService(
        routes=[Endpoint("POST", "/", control.command, "command")],
        database=database,
        on_faults=(control.follow,),
        metrics=metrics,
    )
