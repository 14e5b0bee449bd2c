"""How these tests talk to a stack: over HTTP, with the internal token unless told otherwise."""

import ssl

import httpx
import pytest

from chamiperf_ci.stack import lifecycle


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

    def close(self):
        """Give the connections back."""
        self._http.close()


@pytest.fixture
def api():
    """Make an Api for a stack."""
    made = []

    def make(state):
        made.append(Api(state))
        return made[-1]

    yield make
    for each in made:
        each.close()
