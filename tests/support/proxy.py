"""A TCP proxy in front of a server whose connections a test can cut and restore without restarting the server."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class Proxy:
    """Forwards bytes from a port of its own to the server.

    `cut` ends all connections and refuses new ones; `silence` accepts and keeps them, and forwards nothing.
    Connections that were silent stay so after `restore`, as half-open ones do.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._closed = self._refusing = False
        self._switches: list[threading.Event] = []
        self._forwarding = self._new_switch()
        address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = parts._replace(
            netloc=parts.netloc.rpartition("@")[0] + "@" + address if "@" in parts.netloc else address
        ).geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._refusing = True
        self.drop()

    def drop(self) -> None:
        """End all connections; new ones are accepted."""
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    @property
    def connections(self) -> int:
        return len(self._open) // 2

    def silence(self) -> None:
        """Forward nothing more, like a network that drops packets behind a peer that still acknowledges."""
        self._forwarding.clear()

    def restore(self) -> None:
        """Accept and forward new connections."""
        self._refusing = False
        self._forwarding = self._new_switch()

    def close(self) -> None:
        self._closed = True
        self.cut()
        for switch in self._switches:
            switch.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                downstream, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                downstream.close()
                continue
            try:
                upstream = socket.create_connection(self._target)
            except OSError:
                downstream.close()
                continue
            self._open |= {downstream, upstream}
            for source, target in ((downstream, upstream), (upstream, downstream)):
                arguments = (source, target, self._forwarding)
                threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _new_switch(self) -> threading.Event:
        """A switch for the connections that follow: they are forwarded while it is set."""
        switch = threading.Event()
        switch.set()
        self._switches.append(switch)
        return switch

    def _forward(self, source: socket.socket, target: socket.socket, forwarding: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                forwarding.wait()
                target.sendall(data)
        for sock in (source, target):
            self._open.discard(sock)
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            if source is sock:
                sock.close()


@contextlib.contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
