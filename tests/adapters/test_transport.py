"""TLS as the target says: a private CA, a client certificate, or none of it checked."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from made_targets import target, target_of

from chamicore_standin import lifecycle
from chamicore_standin.lifecycle import make_certificates
from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.http_client import tls_context
from chamiperf_ci.errors import CertificateRefused, ConfigurationError
from chamiperf_ci.models.target import Service, StackOptions, Tls


def _health(of):
    with Chamicore(of, retry=RetryPolicy(retries=0, timeout_s=5)) as client:
        return client.operational(Service.SMD, "health").status


@pytest.fixture(scope="module")
def tls_stack(tmp_path_factory):
    """A stack behind a private CA."""
    folder = tmp_path_factory.mktemp("tls-stack") / "state"
    yield lifecycle.up(StackOptions(ports="ephemeral", tls=True), state_dir=folder)
    lifecycle.down(folder)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A private CA and a server certificate signed by it."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder)
    return folder / "tls"


@pytest.fixture
def wants_client_certificate(certificates):
    """A TLS server that takes only clients with a certificate of the CA."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args):
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.e2e
def test_a_stack_with_a_private_ca_is_reached_with_its_ca_file(tls_stack):
    assert _health(target_of(tls_stack)) == 200


@pytest.mark.e2e
def test_a_certificate_of_an_unknown_ca_is_refused_with_the_option_that_cures_it(tls_stack):
    stack = target_of(tls_stack).model_copy(update={"tls": Tls()})
    with pytest.raises(CertificateRefused) as refused:
        _health(stack)
    assert refused.value.wrong.startswith("the certificate is not trusted: ")
    assert refused.value.remedy == "Name the CA that signed it with --ca-file."


@pytest.mark.e2e
def test_insecure_takes_any_certificate(tls_stack):
    stack = target_of(tls_stack).model_copy(update={"tls": Tls(insecure=True)})
    assert _health(stack) == 200


def test_tls_to_a_port_that_speaks_plain_http_is_told(embedded_stack):
    url = embedded_stack.url("smd").replace("http://", "https://")
    with pytest.raises(CertificateRefused, match="TLS failed"):
        _health(target(services={Service.SMD: url}))


def test_a_client_certificate_is_shown(certificates, wants_client_certificate):
    tls = Tls(
        ca_file=certificates / "ca.pem",
        client_certificate=certificates / "server.pem",
        client_key=certificates / "server.key",
    )
    assert _health(target(services={Service.SMD: wants_client_certificate}, tls=tls)) == 200


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_missing_client_certificate_is_told(certificates, wants_client_certificate):
    tls = Tls(ca_file=certificates / "ca.pem")
    with pytest.raises(CertificateRefused, match="TLS failed"):
        _health(target(services={Service.SMD: wants_client_certificate}, tls=tls))


def test_a_ca_file_that_is_none_is_named(tmp_path):
    path = tmp_path / "not-a-certificate.pem"
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        tls_context(Tls(ca_file=path))
    assert refused.value.where == f"--ca-file {path}"


def test_a_key_of_another_certificate_is_refused(certificates, tmp_path):
    make_certificates(tmp_path)
    other = Path(tmp_path) / "tls" / "server.key"
    with pytest.raises(ConfigurationError, match="not a usable certificate or key"):
        tls_context(Tls(client_certificate=certificates / "server.pem", client_key=other))
