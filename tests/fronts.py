"""Ports on loopback in front of a service: bytes passed on as they are, through TLS, or a byte a second."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psutil

NOTHING_FOUND = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@contextlib.contextmanager
def front(to, *, host="127.0.0.1", tls=None):
    """Bytes passed on between a port of its own, with TLS if wanted, and a service; gives the port."""
    place = urlsplit(to)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, 0), family=family)

    def pipe(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve(taken):
        with (
            taken,
            contextlib.suppress(OSError),
            tls.wrap_socket(taken, server_side=True) if tls else taken as near,
            socket.create_connection((place.hostname, place.port)) as far,
        ):
            there = threading.Thread(target=pipe, args=(near, far), daemon=True)
            there.start()
            pipe(far, near)
            there.join()

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()


@dataclass
class Front:
    """A port that passes bytes on, or without `to` answers as an empty Prometheus; while `drips` is set, dripping."""

    to: str = ""
    drips: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    """k6 has asked for a boot script."""

    @contextlib.contextmanager
    def listening(self):
        """Listen while the body runs; gives the URL."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
            self.drips.clear()

    def _accept(self, server):
        with contextlib.suppress(OSError):
            while True:
                near, _ = server.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        with contextlib.suppress(OSError), near:
            if not self.to:
                self._answer(near)
                return
            place = urlsplit(self.to)
            with socket.create_connection((place.hostname, place.port)) as far:
                threading.Thread(target=self._pass_on, args=(near, far), daemon=True).start()
                while data := far.recv(65536):
                    self._give(near, data)

    def _answer(self, near):
        while near.recv(65536):
            body = b" " * 100_000 if self.drips.is_set() else NOTHING_FOUND
            self._give(near, HEAD % len(body) + body)

    def _pass_on(self, near, far):
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                if b"/bootscript" in data and b"chamiperf-k6" in data:
                    self.asked.set()
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)

    def _give(self, near, data):
        while data and self.drips.is_set():
            near.sendall(data[:1])
            data = data[1:]
            time.sleep(1.0)
        near.sendall(data)


def k6_processes(process):
    """The k6 processes below a command that runs."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child for child in psutil.Process(process.pid).children(recursive=True) if _is_k6(child)]
    return []


def _is_k6(child):
    with contextlib.suppress(psutil.Error):
        is_probe = any(each.endswith("probe.js") for each in child.cmdline())
        return child.name() == "k6" and child.status() != psutil.STATUS_ZOMBIE and not is_probe
    return False


def until(condition, seconds):
    """Wait for a condition, so many seconds at most; whether it came true."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return found
