"""A small stack that answers as OpenCHAMI's services do where those differ from Chamicore's, in memory.

It has what a dialect must cope with: 200 with an empty body on unknown paths, delay scripts, 400 for a duplicate, whole
lists, a DELETE with a body, objects that can be neither listed nor removed, a cache that stops cloud-init when it is
refreshed, connections that are closed without an answer. It was written from descriptions of the services, not from
their code, and is no measure of their speed.
"""

import json
import re
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from scripted_server import served_by

NODE = re.compile(r"x\d{1,4}c[0-7]s\d+b\d+n\d+")
BMC = re.compile(r"x\d{1,4}c[0-7]s\d+b\d+")
MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
JSON, PROBLEM, TEXT, YAML = "application/json", "application/problem+json", "text/plain", "application/x-yaml"


@dataclass(frozen=True)
class Oddities:
    """What can be set."""

    token: str = ""
    """Empty: nobody is asked for one."""
    resync_s: float = 0.3
    """How long BSS takes to read SMD anew, in the background."""
    refresh_every_s: float = 60.0
    """How often cloud-init refreshes its cache."""
    refresh_s: float = 0.9
    """How long everybody waits meanwhile."""
    refuse_scripts: int = 0
    """Of so many boot scripts one finds the database full; 0 for none."""
    drop_scripts: int = 0
    """Of so many nodes one is never answered, its connection closed; 0 for none. Of requests in turn nobody would see
    it: a client asks once more by itself where a connection that it had kept is closed."""
    impersonation: bool = True
    unknown_looks: int = 0
    """So many questions by address come before cloud-init's cache knows the nodes."""


@dataclass(frozen=True)
class Reply:
    """An answer; `drop` closes the connection without one."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: dict = field(default_factory=dict)
    drop: bool = False


DROPPED = Reply(drop=True)
EMPTY = Reply()


def as_json(body, status=200, **headers):
    """A JSON answer."""
    return Reply(status, json.dumps(body, separators=(",", ":")).encode(), headers=headers)


def problem(status, detail):
    """An error as SMD and BSS write it."""
    body = {"type": "about:blank", "title": str(status), "detail": detail, "status": status}
    return Reply(status, json.dumps(body).encode(), PROBLEM)


def said(status, text):
    """An answer in plain text."""
    return Reply(status, text.encode(), TEXT)


@dataclass
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict
    headers: dict
    content: bytes
    peer: str

    def json(self):
        """The body; None where it is not JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None


class Smd:
    """Inventory: endpoints, components, interfaces, groups."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.RLock()
        self.endpoints, self.components, self.component_endpoints = {}, {}, set()
        self.interfaces, self.groups = {}, {}
        self.list_requests = 0

    def answer(self, request):
        """Route a request; what is not routed gets 200 and nothing."""
        path = request.path.removeprefix("/hsm/v2") if request.path.startswith("/hsm/v2/") else ""
        public = path.startswith("/service/") or (
            request.method == "GET" and path in {"/State/Components", "/Inventory/EthernetInterfaces"}
        )
        if path and not public and (refused := refusal(request, self.options.token)):
            return refused
        for pattern, methods in self._routes():
            match = re.fullmatch(pattern, path)
            if match and request.method not in methods:
                return problem(405, "allow " + ",".join(methods))
            if match:
                with self.lock:
                    return methods[request.method](request, *match.groups())
        return EMPTY

    def _routes(self):
        one = r"/([^/]+)"
        components, interfaces = "/State/Components", "/Inventory/EthernetInterfaces"
        healthy = as_json({"code": 0, "message": "HSM is healthy"})
        return (
            ("/service/liveness", {"GET": lambda _: Reply(204)}),
            ("/service/ready", {"GET": lambda _: healthy}),
            ("/Inventory/RedfishEndpoints", {"GET": self._endpoints, "POST": self._register}),
            (
                "/Inventory/RedfishEndpoints" + one,
                {"GET": self._endpoint, "PUT": self._reregister, "DELETE": self._drop_endpoint},
            ),
            (components, {"GET": self._list, "POST": self._store}),
            (components + one, {"GET": self._component, "PUT": self._replace, "DELETE": self._drop_component}),
            (components + one + "/StateData", {"PATCH": self._change_state}),
            (interfaces, {"GET": self._interfaces, "POST": self._add_interface}),
            (
                interfaces + one,
                {"GET": self._interface, "PATCH": self._change_interface, "DELETE": self._drop_interface},
            ),
            ("/groups", {"GET": self._groups, "POST": self._add_group}),
            ("/groups" + one, {"GET": self._group, "PATCH": self._change_group, "DELETE": self._drop_group}),
        )

    def _endpoints(self, _):
        return as_json({"RedfishEndpoints": list(self.endpoints.values())})

    def _register(self, request):
        body = request.json()
        if not isinstance(body, dict):
            return problem(500, "error decoding JSON")
        bmc = body.get("ID", "")
        if not BMC.fullmatch(bmc):
            return problem(400, f"xname ID '{bmc}' is invalid")
        if bmc in self.endpoints:
            return problem(
                409, "operation would conflict with an existing resource that has the same FQDN or xname ID."
            )
        macs = [each["mac"] for system in body.get("Systems", []) for each in system.get("ethernet_interfaces", [])]
        taken = any(mac.lower().replace(":", "") in self.interfaces for mac in macs)
        self._keep_endpoint(bmc, body)
        if taken:
            # The endpoint is stored all the same.
            return problem(409, "operation would conflict with an existing component ethernet interface")
        uri = f"/hsm/v2/Inventory/RedfishEndpoints/{bmc}"
        return as_json([{"URI": uri}], 201, Location=uri)

    def _reregister(self, request, bmc):
        body = request.json()
        if bmc not in self.endpoints:
            return problem(404, "no such xname.")
        self._keep_endpoint(bmc, body)
        return as_json(self.endpoints[bmc])

    def _keep_endpoint(self, bmc, body):
        kept = ("ID", "Type", "Hostname", "Domain", "FQDN", "Enabled", "User", "Password", "RediscoverOnUpdate")
        self.endpoints[bmc] = {key: body[key] for key in kept if key in body}
        if int(body.get("SchemaVersion", 0)) >= 1:
            self._discover(bmc, body.get("Systems", []))

    def _discover(self, bmc, systems):
        for number, system in enumerate(systems):
            node = f"{bmc}n{number}"
            self.components[node] = {"ID": node, "Type": "Node", "State": "On", "Flag": "OK", "Enabled": True, "NID": 1}
            self.component_endpoints.add(node)
            for each in system.get("ethernet_interfaces", []):
                self._keep_interface(node, each["mac"], each.get("description", ""), [{"IPAddress": each["ip"]}])

    def _keep_interface(self, node, mac, description, addresses):
        key = mac.lower().replace(":", "")
        self.interfaces[key] = {
            "ID": key,
            "Description": description,
            "MACAddress": mac.lower(),
            "LastUpdate": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "ComponentID": node,
            "Type": "Node",
            "IPAddresses": addresses,
        }
        return key

    def _endpoint(self, _, bmc):
        return as_json(self.endpoints[bmc]) if bmc in self.endpoints else problem(404, "no such xname.")

    def _drop_endpoint(self, _, bmc):
        if self.endpoints.pop(bmc, None) is None:
            return problem(404, "no such xname.")
        for node in [node for node in self.component_endpoints if node.startswith(f"{bmc}n")]:
            self.component_endpoints.discard(node)
            if node in self.components:
                self.components[node]["State"] = "Empty"
        return as_json({"code": 0, "message": "deleted 1 entry"})

    def _list(self, request):
        self.list_requests += 1
        kinds = request.query.get("type", [])
        found = [each for each in self.components.values() if not kinds or each["Type"] in kinds]
        return as_json({"Components": found})

    def _store(self, request):
        body = request.json()
        if not isinstance(body, dict):
            return problem(500, "error decoding JSON")
        if not body.get("Components"):
            return problem(400, "Missing Components")
        for each in body["Components"]:
            if not NODE.fullmatch(each.get("ID", "")):
                return problem(400, f"xname ID '{each.get('ID')}' is invalid")
        for each in body["Components"]:
            self.components[each["ID"]] = {"Flag": "OK", "Enabled": True, "NID": 1, **each}
        return Reply(204)

    def _component(self, _, node):
        return as_json(self.components[node]) if node in self.components else problem(404, "no such xname.")

    def _replace(self, request, node):
        body = request.json()
        if not isinstance(body, dict) or "Component" not in body:
            return problem(400, "Missing Component")
        self.components[node] = {"Flag": "OK", "Enabled": True, "NID": 1, **body["Component"], "ID": node}
        return Reply(204)

    def _change_state(self, request, node):
        if node not in self.components:
            return problem(404, "no such xname.")
        body = request.json()
        # From Ready to On is no way that a node's state goes, and is not gone, without a word.
        if body.get("Force") or (self.components[node]["State"], body["State"]) != ("Ready", "On"):
            self.components[node]["State"] = body["State"]
        return Reply(204)

    def _drop_component(self, _, node):
        if self.components.pop(node, None) is None:
            return problem(404, "no such xname.")
        self.component_endpoints.discard(node)
        return as_json({"code": 0, "message": "deleted 1 entry"})

    def _interfaces(self, request):
        wanted = request.query.get("ComponentID")
        found = [each for each in self.interfaces.values() if not wanted or each["ComponentID"] in wanted]
        return as_json(found)

    def _add_interface(self, request):
        body = request.json() or {}
        mac = str(body.get("MACAddress", "")).lower()
        if not MAC.fullmatch(mac):
            return problem(400, "invalid MAC address")
        if mac.replace(":", "") in self.interfaces:
            return problem(409, "operation would conflict with an existing resource that has the same MAC address.")
        addresses = body.get("IPAddresses", [])
        key = self._keep_interface(body.get("ComponentID", ""), mac, body.get("Description", ""), addresses)
        uri = f"/hsm/v2/Inventory/EthernetInterfaces/{key}"
        return as_json({"URI": uri}, 201, Location=uri)

    def _interface(self, _, key):
        return as_json(self.interfaces[key]) if key in self.interfaces else problem(404, "no such interface")

    def _change_interface(self, request, key):
        if key not in self.interfaces:
            return problem(404, "no such interface")
        self.interfaces[key].update(request.json())
        return as_json(self.interfaces[key])

    def _drop_interface(self, _, key):
        if self.interfaces.pop(key, None) is None:
            return problem(404, "no such interface")
        return as_json({"code": 0, "message": "deleted 1 entry"})

    def _groups(self, _):
        return as_json(list(self.groups.values()))

    def _add_group(self, request):
        body = request.json()
        if not isinstance(body, dict) or isinstance(body.get("members"), list):
            return problem(500, "error decoding JSON")
        if any("=" in tag for tag in body.get("tags", [])):
            return problem(400, "tag is invalid")
        if len(body.get("description", "")) > 255:
            return problem(500, "value too long for type character varying(255)")
        label = body["label"]
        if label in self.groups:
            return problem(409, "operation would conflict with an existing group that has the same label.")
        self.groups[label] = body
        return as_json([{"URI": f"/hsm/v2/groups/{label}"}], 201)

    def _group(self, _, label):
        return as_json(self.groups[label]) if label in self.groups else problem(404, "no such group")

    def _change_group(self, request, label):
        if label not in self.groups:
            return problem(404, "no such group")
        self.groups[label].update(request.json())
        return Reply(204)

    def _drop_group(self, _, label):
        if self.groups.pop(label, None) is None:
            return problem(404, "no such group")
        return as_json({"code": 0, "message": "deleted 1 entry"})


def refusal(request, token):
    """401 in plain text, where a token is wanted and the request has another or none."""
    given = request.headers.get("authorization", "")
    if not token or given == f"Bearer {token}":
        return None
    return said(401, "token is unauthorized" if given else "no token found")


class Bss:
    """Boot parameters and scripts; what it knows of SMD is a copy."""

    def __init__(self, options, smd):
        self.options, self.smd = options, smd
        self.lock = threading.RLock()
        self.parameters = {}
        self.nodes_by_mac = {}
        self.history = []
        self.boot_configs = 0
        self.dropped = 0
        self.asked = 0

    def answer(self, request):
        """Route a request; what is not routed is 404."""
        path = request.path.removeprefix("/boot/v1")
        if (
            path != "/bootscript"
            and not path.startswith("/service/")
            and (refused := refusal(request, self.options.token))
        ):
            return refused
        running = {"bss-status": "running"}
        stored = {**running, "bss-status-hsm": "connected", "bss-storage-backend": {"name": "postgres"}}
        routes = {
            ("GET", "/service/status"): lambda _: as_json(running),
            ("GET", "/service/status/all"): lambda _: as_json(stored),
            ("GET", "/service/version"): lambda _: as_json({"bss-version": "error"}, 500),
            ("GET", "/bootscript"): self._script,
            ("GET", "/endpoint-history"): lambda _: as_json(self.history),
            ("POST", "/hosts"): self._hosts,
            ("GET", "/bootparameters"): self._read,
            ("POST", "/bootparameters"): self._add,
            ("PUT", "/bootparameters"): self._put,
            ("PATCH", "/bootparameters"): self._patch,
            ("DELETE", "/bootparameters"): self._drop,
        }
        with self.lock:
            return routes.get((request.method, path), lambda _: said(404, "404 page not found\n"))(request)

    def _hosts(self, _):
        self.read_smd()
        return Reply(204)

    def read_smd(self):
        """Copy what can be booted: interfaces of components that have a component endpoint."""
        with self.smd.lock:
            found = {
                each["MACAddress"]: dict(self.smd.components[each["ComponentID"]])
                for each in self.smd.interfaces.values()
                if each["ComponentID"] in self.smd.component_endpoints and each["ComponentID"] in self.smd.components
            }
        self.nodes_by_mac = found

    def _read_soon(self):
        timer = threading.Timer(self.options.resync_s, self.read_smd)
        timer.daemon = True
        timer.start()

    def _wanted(self, request):
        body = request.json()
        known = {key: body[key] for key in ("macs", "kernel", "initrd", "params") if key in body} if body else {}
        return [mac.lower() for mac in known.pop("macs", [])], known

    def _add(self, request):
        macs, values = self._wanted(request)
        if not macs or any(mac in self.parameters for mac in macs):
            return problem(400, "Bad Request: postgres.Add: data already exists")
        self._keep(macs, values)
        return Reply(201, headers={"Bss-Referral-Token": "0"})

    def _keep(self, macs, values):
        self.boot_configs += 1
        for mac in macs:
            self.parameters[mac] = {**self.parameters.get(mac, {}), **values}

    def _put(self, request):
        macs, values = self._wanted(request)
        if not macs:
            return problem(400, "Bad Request: nothing to set")
        for mac in macs:
            self.parameters.pop(mac, None)
        self._keep(macs, values)
        return Reply(200)

    def _patch(self, request):
        macs, values = self._wanted(request)
        if not macs or any(mac not in self.parameters for mac in macs):
            return problem(404, "no such boot parameters")
        self._keep(macs, values)
        return Reply(200)

    def _read(self, request):
        wanted = [mac.lower() for mac in request.query.get("mac", [])]
        if wanted and wanted[0] not in self.parameters:
            return problem(404, "Not Found")
        grouped = {}
        for mac, values in self.parameters.items():
            grouped.setdefault(json.dumps(values, sort_keys=True), []).append(mac)
        found = [
            {"macs": macs, **json.loads(values), "cloud-init": {}}
            for values, macs in grouped.items()
            if not wanted or wanted[0] in macs
        ]
        return as_json(found or None)

    def _drop(self, request):
        macs, _ = self._wanted(request)
        if not macs or any(mac not in self.parameters for mac in macs):
            return problem(400, "Bad Request: postgres.Delete: no such data")
        for mac in macs:
            del self.parameters[mac]
        return Reply(200)

    def _script(self, request):
        self.asked += 1
        mac = request.query.get("mac", [""])[0].lower()
        lost = self.options.drop_scripts and int(mac[-2:], 16) % self.options.drop_scripts == 0
        if "arch" in request.query or lost:
            self.dropped += 1
            return DROPPED
        values, node = self.parameters.get(mac), self.nodes_by_mac.get(mac)
        full = self.options.refuse_scripts and self.asked % self.options.refuse_scripts == 0
        chain = f"chain https://bss.invalid/apis/bss/boot/v1/bootscript?mac={mac}"
        if node is None or not values or full:
            self._read_soon()
            return said(200, f"#!ipxe\nsleep 10\n{chain}&arch=${{buildarch}}&ts=1\n\n")
        self.history.append({"name": node["ID"], "endpoint": "bootscript", "last_epoch": int(time.time())})
        params = re.sub(r"initrd[^ ]*", "", values["params"], count=1)
        more = f"xname={node['ID']} nid={node['NID']} ds=nocloud-net;s=http://bss.invalid/"
        kernel = f"kernel --name kernel {values['kernel']} initrd=initrd {params} {more} || goto boot_retry"
        rest = f"initrd --name initrd {values['initrd']} || goto boot_retry\nboot || goto boot_retry\n:boot_retry"
        return said(200, f"#!ipxe\n{kernel}\n{rest}\nsleep 30\n{chain}&retry=1\n\n")


class CloudInit:
    """Node data; who a node is follows from its address, by a cache that is refreshed now and then."""

    def __init__(self, options, smd):
        self.options, self.smd = options, smd
        self.nodes_by_ip = {}
        self.instance_info = {}
        self.cache = threading.Lock()
        self.refreshed_at = time.monotonic() - options.refresh_every_s
        self.refreshes = 0
        self.looks = 0

    def answer(self, request):
        """Route a request; what is not routed is 404."""
        reply = said(404, "404 page not found\n")
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["version"]:
                keys = ("process_name", "build_info", "uptime", "runtime_host", "bytes_allocated")
                reply = as_json(dict.fromkeys(keys, "x"))
            case "PUT", ["admin", "instance-info", node]:
                self.instance_info.setdefault(node, {}).update(request.json())
                reply = Reply(201)
            case _, ["admin", "instance-info", *_]:
                reply = Reply(405)
            case "GET", ["admin", "impersonation", node, document] if self.options.impersonation:
                reply = self._document(document, node, known=node in self.smd.components)
            case "GET", ["user-data"]:
                reply = Reply(200, b"#cloud-config", TEXT)
            case "GET", ["meta-data" | "vendor-data" as document]:
                node = self._who(request)
                # A removed node stays in the cache, and its address with it.
                known = node in self.smd.components
                reply = Reply(422) if node is None else self._document(document, node, known=known)
        return reply

    def _who(self, request):
        """The node by its address, the first of X-Forwarded-For; everybody waits while the cache is refreshed."""
        with self.cache:
            if time.monotonic() - self.refreshed_at >= self.options.refresh_every_s:
                time.sleep(self.options.refresh_s)
                with self.smd.lock:
                    for each in self.smd.interfaces.values():
                        for address in each["IPAddresses"]:
                            self.nodes_by_ip[address["IPAddress"]] = each["ComponentID"]
                self.refreshed_at = time.monotonic()
                self.refreshes += 1
            self.looks += 1
            if self.looks <= self.options.unknown_looks:
                return None
        forwarded = request.headers.get("x-forwarded-for", request.peer)
        return self.nodes_by_ip.get(forwarded.split(",")[0].strip())

    def _document(self, document, node, *, known):
        if document == "user-data":
            return Reply(200, b"#cloud-config", TEXT)
        if not known:
            return said(404, "node not found")
        if document == "vendor-data":
            return Reply(200, b"#include\n", TEXT)
        info = self.instance_info.get(node, {})
        name = info.get("local-hostname", "nid0001")
        lines = [f"instance-id: {info.get('instance-id', 'i-made-up')}", f"local-hostname: {name}", 'hostname: "0001"']
        return Reply(200, ("\n".join([*lines, f"cluster-name: {info.get('cluster-name', '')}"]) + "\n").encode(), YAML)


class BootService:
    """The boot-service of later releases: nodes and configurations under keys of its own, and BSS's old routes."""

    def __init__(self):
        self.lock = threading.RLock()
        self.nodes, self.configurations = {}, []
        self.made = 0

    def answer(self, request):
        """Route a request; what is not routed is 404."""
        reply = said(404, "404 page not found\n")
        with self.lock:
            match request.method, request.path.strip("/").split("/"):
                case "GET", ["health"]:
                    reply = as_json({"status": "ok", "service": "boot-service"})
                case "GET", ["service", "status"]:
                    reply = as_json({"service_status": "running"})
                case "GET", ["service", "version"]:
                    reply = as_json({"service_version": "2.0.0", "git_commit": "main"})
                case "GET", ["nodes"]:
                    reply = as_json(list(self.nodes.values()))
                case "POST", ["nodes"]:
                    reply = self._add_node(request.json())
                case "GET", ["nodes", uid] if uid in self.nodes:
                    reply = as_json(self.nodes[uid])
                case "DELETE", ["nodes", uid] if uid in self.nodes:
                    del self.nodes[uid]
                    reply = as_json({"message": "Node deleted successfully", "uid": uid})
                case "GET", ["boot", "v1", "bootscript"]:
                    reply = self._script(request.query["mac"][0])
                case _, ["boot", "v1", "bootparameters"]:
                    reply = self._parameters(request)
        return reply

    def _add_node(self, body):
        self.made += 1
        uid, moment = f"node-{self.made:08x}", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        metadata = {**body["metadata"], "uid": uid, "createdAt": moment, "updatedAt": moment}
        self.nodes[uid] = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": body["spec"], "status": {}}
        return as_json(self.nodes[uid], 201)

    def _parameters(self, request):
        """A second POST makes a second configuration; nothing is a conflict."""
        wanted = request.query.get("mac")
        found = [each for each in self.configurations if not wanted or wanted[0] in each["macs"]]
        match request.method:
            case "POST":
                self.configurations.append(request.json())
                return as_json({"boot-parameters": [{**request.json(), "meta": {}}]}, 201)
            case "DELETE":
                self.configurations = [each for each in self.configurations if each not in found]
                return (
                    as_json({"boot-parameters": found}) if found else problem(404, "No matching boot parameters found")
                )
            case "GET":
                return as_json({"boot-parameters": found or None})
        return Reply(405)

    def _script(self, mac):
        node = next((each["spec"] for each in self.nodes.values() if each["spec"]["bootMac"] == mac), None)
        boot = next((each for each in self.configurations if mac in each["macs"]), None)
        if node is None or boot is None:
            return said(200, "#!ipxe\n# Error iPXE Boot Script\necho Boot script generation failed\nhalt\n")
        lines = [
            f"set kernel {boot['kernel']}",
            f"set initrd {boot['initrd']}",
            f"set params {boot['params']} BOOTIF=01",
        ]
        return said(
            200, "\n".join(["#!ipxe", f"# Node: {node['xname']}", *lines, "kernel ${kernel} ${params}", "boot", ""])
        )


@dataclass
class OpenChami:
    """The running stack."""

    smd: Smd
    bss: Bss
    cloud_init: CloudInit
    boot_service: BootService
    urls: dict
    """Base URL by service, and of the gateway."""
    asked: list
    """Method, service and path with its query, of every request."""
    conditional: list
    """Those that carried an entity tag, of which there are none here."""


def _handler(route, asked, conditional):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self):
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            service, path = route(parts.path)
            asked.append((self.command, service.__class__.__name__, self.path))
            if "if-match" in headers:
                conditional.append(asked[-1])
            query = parse_qs(parts.query, keep_blank_values=True)
            peer = self.client_address[0]
            reply = service.answer(Request(self.command, path, query, headers, content, peer))
            if reply.drop:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            head = [f"HTTP/1.1 {reply.status} -", f"Content-Length: {len(reply.body)}"]
            if reply.body:
                head.append(f"Content-Type: {reply.content_type}")
            head += [f"{name}: {value}" for name, value in reply.headers.items()]
            self.wfile.write("\r\n".join([*head, "", ""]).encode() + reply.body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle  # noqa: N815 - the base class's names

        def log_message(self, *_args):
            """Quiet."""

    return Handler


@contextmanager
def openchami(options=None):
    """Serve all three services, each on a port of its own, and once more behind a gateway with the release's paths."""
    options = options or Oddities()
    smd = Smd(options)
    bss, cloud_init, boot_service = Bss(options, smd), CloudInit(options, smd), BootService()
    asked, conditional = [], []

    def gateway(path):
        if path.startswith("/hsm/v2"):
            return smd, path
        if path.startswith(("/boot/v1", "/apis/bss")):
            return bss, path.removeprefix("/apis/bss")
        return cloud_init, path.removeprefix("/cloud-init")

    with ExitStack() as stack:
        routes = {
            "smd": lambda path: (smd, path),
            "bss": lambda path: (bss, path),
            "cloud-init": lambda path: (cloud_init, path),
            "boot-service": lambda path: (boot_service, path),
            "gateway": gateway,
        }
        urls = {
            name: stack.enter_context(served_by(_handler(route, asked, conditional))) for name, route in routes.items()
        }
        yield OpenChami(smd, bss, cloud_init, boot_service, urls, asked, conditional)
