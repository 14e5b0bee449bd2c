"""A client of a stack: over HTTP, with the internal token unless told otherwise."""

import ssl
import time

import httpx

from chamicore_standin import lifecycle


def eventually(check, within_s=20.0):
    """Wait until `check` gives something true, and give it back; whatever it gave last when time is up."""
    deadline = time.monotonic() + within_s
    while not (result := check()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return result


class Api:
    """A stack's services by name."""

    def __init__(self, state):
        self.state = state
        verify = ssl.create_default_context(cafile=state.ca_file) if state.ca_file else True
        self._http = httpx.Client(verify=verify, timeout=20)
        self.bearer = {"Authorization": f"Bearer {lifecycle.internal_token(state)}"}

    def request(self, method, service, path, *, token=None, **given):
        """A request; `token` replaces the internal one, and an empty one sends none."""
        headers = self.bearer if token is None else {"Authorization": f"Bearer {token}"} if token else {}
        given["headers"] = {**headers, **given.get("headers", {})}
        return self._http.request(method, self.state.url(service) + path, **given)

    def get(self, service, path, **given):
        """GET."""
        return self.request("GET", service, path, **given)

    def post(self, service, path, body, **given):
        """POST a document."""
        return self.request("POST", service, path, json=body, **given)

    def create_component(self, ident, **spec):
        """A node in SMD."""
        answer = self.post("smd", "/hsm/v2/State/Components", {"id": ident, "type": "Node", **spec})
        assert answer.status_code == 201, answer.text
        return answer

    def create_boot_params(self, ident, mac, **spec):
        """Boot parameters whose kernel names the node."""
        body = {"component_id": ident, "mac": mac, "kernel_uri": f"http://k/{ident}", "initrd_uri": "http://i", **spec}
        answer = self.post("bss", "/boot/v1/bootparams", body)
        assert answer.status_code == 201, answer.text
        return answer

    def script(self, mac, **given):
        """A node's boot script, asked for as a node does."""
        return self.get("bss", f"/boot/v1/bootscript?mac={mac}", token="", **given)

    def create_interface(self, ident, mac, *addresses):
        """An interface of a component."""
        body = {"componentId": ident, "macAddr": mac, "ipAddrs": list(addresses)}
        answer = self.post("smd", "/hsm/v2/Inventory/EthernetInterfaces", body)
        assert answer.status_code == 201, answer.text
        return answer

    def create_payload(self, ident, **spec):
        """A payload whose user-data names the node."""
        body = {"component_id": ident, "user_data": f"#cloud-config\nhostname: {ident}\n", **spec}
        answer = self.post("cloud-init", "/cloud-init/payloads", body)
        assert answer.status_code == 201, answer.text
        return answer

    def user_data(self, ident):
        """A node's user-data, asked for as a node does."""
        return self.get("cloud-init", f"/cloud-init/{ident}/user-data", token="")

    def close(self):
        """Give the connections back."""
        self._http.close()
