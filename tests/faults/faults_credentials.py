"""Credentials that are wrong or do not last, and TLS that breaks."""

import datetime as dt
import ipaddress
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fault import Theme
from made_targets import target_of

from chamiperf_ci.adapters.chamicore import Chamicore, Tokens
from chamiperf_ci.adapters.http_client import client as http_client
from chamiperf_ci.models.target import Credential, CredentialKind

CREDENTIALS = Theme("credentials and TLS")


def account(stage):
    """A service account of the stage's stack: its id and secret."""
    with Chamicore(target_of(stage.state)) as client:
        shape = client.dialect.objects["service-account"]
        body = {**shape.body, "name": "ci", "scopes": ["admin"]}
        spec = client.create(shape.model_copy(update={"body": body}), {}).spec
    return spec["clientId"], spec["clientSecret"]


def token(stage):
    """A token that the stage's stack issues now."""
    ident, secret = account(stage)
    target = target_of(stage.state)
    kind = CredentialKind.CLIENT_CREDENTIALS
    target = target.model_copy(update={"credential": Credential(kind=kind, client_id=ident, client_secret=secret)})
    with Chamicore(target) as client, http_client(target, timeout_s=10) as http:
        return Tokens(target, client.dialect, http).header()["Authorization"].removeprefix("Bearer ")


def with_token(stage, text):
    """Give the commands a bearer token, and nothing else."""
    stage.target = ("--environment", "embedded")
    stage.variables |= {"CHAMICORE_INTERNAL_TOKEN": "", "CHAMICORE_TOKEN": text}


# Credentials


@CREDENTIALS.row("wrong internal token", ends="smoke 2, seed 2, load 2", says="is refused", kept="smoke.json")
def wrong_token(stage):
    stage.target = ("--environment", "embedded")
    stage.variables["CHAMICORE_INTERNAL_TOKEN"] = "planted"
    stage.smoke()
    stage.seed("--nodes", 5, "--shared-stack")
    stage.load()


@CREDENTIALS.row("no credential", ends="smoke 2, seed 2, load 2", says="none is given", kept="smoke.json")
def no_token(stage):
    stage.target = ("--environment", "embedded")
    stage.variables["CHAMICORE_INTERNAL_TOKEN"] = ""
    stage.smoke()
    stage.seed("--nodes", 5, "--shared-stack")
    stage.load()


@CREDENTIALS.row(
    "token expires under load",
    ends="load 3, compare 3", word="invalid", reasons="auth-expired", kept="runs/inventory_scale.json verdict.json",
)  # fmt: skip
def expires(stage):
    stage.own_stack(token_lifetime_s=15, password_cost=4)
    with_token(stage, token(stage))
    stage.load("--scenario", "inventory_scale", "--sustained", "16s")
    stage.compare()


@CREDENTIALS.row("token expired before the load", ends="load 2, smoke 2", says="is refused", kept="smoke.json")
def expired(stage):
    stage.own_stack(token_lifetime_s=1, password_cost=4)
    with_token(stage, token(stage))
    time.sleep(1.5)
    stage.load("--scenario", "inventory_scale")
    stage.smoke()


@CREDENTIALS.row("token expires during seeding", ends="seed 2|3, load 2", kept="seed.json")
def expires_while_seeding(stage):
    stage.own_stack(nodes=0, token_lifetime_s=8, password_cost=4)
    with_token(stage, token(stage))
    stage.seed("--nodes", 20_000)
    stage.own_seed_file = stage.out / "seed.json"
    stage.load()


@CREDENTIALS.row("wrong client secret", ends="smoke 2, load 2", kept="smoke.json")
def wrong_secret(stage):
    stage.own_stack(password_cost=4)
    ident, _ = account(stage)
    stage.target = ("--environment", "embedded")
    stage.variables |= {
        "CHAMICORE_INTERNAL_TOKEN": "",
        "CHAMIPERF_CLIENT_ID": ident,
        "CHAMIPERF_CLIENT_SECRET": "planted",
    }
    stage.smoke()
    stage.load()


# TLS


@CREDENTIALS.row("certificate of an unknown CA", ends="smoke 2, seed 2, load 2",
                 says="the certificate is not trusted", kept="smoke.json")  # fmt: skip
def wrong_ca(stage):
    stage.own_stack(tls=True)
    authority, _ = certificate(stage.folder, "other")
    stage.target = ("--environment", "embedded")
    stage.variables["CHAMIPERF_CA_FILE"] = str(authority)
    stage.smoke()
    stage.seed("--nodes", 5)
    stage.load()


@CREDENTIALS.row("expired certificate", ends="smoke 2, load 2", says="certificate has expired", kept="smoke.json")
def expired_certificate(stage):
    authority, key = certificate(stage.folder, "expired", since_days=-30, until_days=-1)
    with https(authority, key) as url:
        stage.instead("bss", url)
        stage.variables["CHAMIPERF_CA_FILE"] = str(authority)
        stage.smoke()
        stage.load()


@CREDENTIALS.row("certificate of another host", ends="smoke 2, load 2", says="IP address mismatch", kept="smoke.json")
def other_host(stage):
    authority, key = certificate(stage.folder, "elsewhere", address="198.18.0.9")
    with https(authority, key) as url:
        stage.instead("bss", url)
        stage.variables["CHAMIPERF_CA_FILE"] = str(authority)
        stage.smoke()
        stage.load()


@CREDENTIALS.row("bss requires a client certificate", ends="smoke 2|1, load 2|3", kept="smoke.json")
def client_certificate(stage):
    authority, key = certificate(stage.folder, "strict")
    with https(authority, key, wants_ours=True) as url:
        stage.instead("bss", url)
        stage.variables["CHAMIPERF_CA_FILE"] = str(authority)
        stage.smoke()
        stage.load()


@CREDENTIALS.row("https URL of a plain HTTP service", ends="smoke 2, load 2", says="TLS failed", kept="smoke.json")
def plain(stage):
    stage.instead("bss", stage.state.url("bss").replace("http:", "https:"))
    stage.smoke()
    stage.load()


@CREDENTIALS.row("http URL of a TLS service", ends="smoke 1, load 3", kept="smoke.json")
def not_plain(stage):
    stage.own_stack(tls=True)
    stage.instead("bss", stage.state.url("bss").replace("https:", "http:"))
    stage.smoke()
    stage.load()


@CREDENTIALS.row("CA file without a certificate", ends="smoke 2, load 2", says="not a usable certificate")
def no_certificate(stage):
    (stage.folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nplanted\n")
    stage.target = ("--environment", "embedded")
    stage.variables["CHAMIPERF_CA_FILE"] = "ca.pem"
    stage.smoke()
    stage.load()


def certificate(folder, name, *, address="127.0.0.1", since_days=-1, until_days=30):
    """A certificate that signed itself, and its key, as files; without an address it has no alternative name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=since_days))
        .not_valid_after(now + dt.timedelta(days=until_days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if address:
        named = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        made = made.add_extension(named, critical=False)
    made = made.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(pem))
    files[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return files


@contextmanager
def https(authority, key, *, wants_ours=False):
    """A server on loopback that speaks TLS with this certificate, and answers `{}`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, key)
    if wants_ours:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_args):
            """Quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_args):
            """A handshake that fails is what the rows are for."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
