"""An HTTP/1.1 client that costs little: one kept connection, prepared bytes out, status and body in."""

import socket
from typing import Any

import orjson


class Connection:
    """One client's connection. Reconnects by itself when the server has closed it."""

    def __init__(self, host: str, port: int, prefix: str = "/api/v1") -> None:
        self._prefix = prefix
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._left = b""

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers (lower-case names) and body of the answer."""
        payload = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._address[0]}:{self._address[1]}"]
        if body is not None:
            kind = (headers or {}).get("content-type", "application/json")
            lines += [f"Content-Type: {kind}", f"Content-Length: {len(payload)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items() if name != "content-type"]
        message = ("\r\n".join(lines) + "\r\n\r\n").encode() + payload
        for last in (False, True):
            try:
                self._open().sendall(message)
                return self._answer()
            except OSError:
                self.close()
                if last:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._left = None, b""

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=30)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        data = self._left
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._receive()
        status_line, *lines = data[:end].split(b"\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        length = int(headers.get(b"content-length", b"0"))
        data = data[end + 4 :]
        while len(data) < length:
            data += self._receive()
        self._left = data[length:]
        return int(status_line[9:12]), headers, data[:length]

    def _receive(self) -> bytes:
        assert self._socket is not None
        chunk = self._socket.recv(65536)
        if not chunk:
            raise ConnectionResetError("the server closed the connection")
        return chunk
