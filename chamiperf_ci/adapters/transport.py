"""HTTP to the services of one target: TLS as it says, no proxy, no redirect followed by itself.

Proxies and `.netrc` of the environment are ignored: what is sent goes to the stack itself, with the given credential.
"""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final, Self

import httpx

from chamiperf_ci.errors import CertificateRefused, ConfigurationError, StackUnreachable, ToolkitError
from chamiperf_ci.models.target import Target, Tls

_CONNECTIONS: Final = 64


class Connections(ABC):
    """Somebody who keeps connections, and closes them at the end of a `with`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""


def client(target: Target, *, timeout_s: float) -> httpx.Client:
    """An HTTP client for a target; `timeout_s` bounds connecting and each wait for bytes.

    Raises:
        ConfigurationError: A certificate or key file is not one.
    """
    return httpx.Client(
        verify=tls_context(target.tls),
        timeout=timeout_s,
        limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
        follow_redirects=False,
        trust_env=False,
    )


def tls_context(tls: Tls) -> ssl.SSLContext:
    """How certificates are checked: by the given CA, else by the system's, or not at all when `insecure`.

    Raises:
        ConfigurationError: A certificate or key file is not one, or the key is of another certificate.
    """
    try:
        context = ssl.create_default_context(cafile=None if tls.ca_file is None else str(tls.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise _bad_file("--ca-file", tls.ca_file, error) from error
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.client_certificate is not None:
        try:
            # Without a password callback OpenSSL would ask for an encrypted key's password on the terminal.
            context.load_cert_chain(tls.client_certificate, tls.client_key, password="")
        except (OSError, ssl.SSLError) as error:
            raise _bad_file("--client-certificate, --client-key", tls.client_certificate, error) from error
    return context


def failure(url: str, error: httpx.HTTPError) -> ToolkitError:
    """What it means that a request got no answer: a certificate that is not trusted, or a stack that is not there."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateRefused(
                f"the certificate is not trusted: {cause.verify_message}",
                where=url,
                remedy="Name the CA that signed it with --ca-file.",
            )
        if isinstance(cause, ssl.SSLError):
            return CertificateRefused(
                f"TLS failed: {cause.reason or cause}",
                where=url,
                remedy="Check that the port speaks TLS, and whether it wants a client certificate.",
            )
    if isinstance(error, httpx.TimeoutException):
        return StackUnreachable("no answer in time", where=url, remedy="See whether the service hangs.")
    return StackUnreachable(
        f"no answer: {_reason(error)}", where=url, remedy="See whether the stack is up and the URL is right."
    )


def _bad_file(option: str, path: object, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"not a usable certificate or key: {error}", where=f"{option} {path}", remedy="Give unencrypted PEM files."
    )


def _reason(error: httpx.HTTPError) -> str:
    """The operating system's words where there are any; httpx's otherwise."""
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return str(error) or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
