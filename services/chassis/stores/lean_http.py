"""A node of `elastic_transport` that costs little: one write per request, kept connections, no header objects.

urllib3 takes 0.5 ms of CPU for a request to the engine, more than all the rest of a proposal. For `https` it stays.
"""

import socket
import threading
import time
from typing import Any

from elastic_transport import ApiResponseMeta, BaseNode, ConnectionError, ConnectionTimeout, HttpHeaders, NodeConfig
from elastic_transport._node import NodeApiResponse
from elastic_transport.client_utils import DEFAULT

READ_BYTES = 65_536


class _Connection:
    """One kept connection and what was read ahead on it."""

    def __init__(self, address: tuple[str, int], seconds: float) -> None:
        self.socket = socket.create_connection(address, timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""
        self.served = 0

    def ask(self, message: bytes, seconds: float) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers (lower-case names) and body."""
        self.socket.settimeout(seconds)
        self.socket.sendall(message)
        while (end := self.left.find(b"\r\n\r\n")) < 0:
            self._read()
        status, *lines = self.left[:end].split(b"\r\n")
        pairs = (line.partition(b":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        self.left = self.left[end + 4 :]
        chunked = headers.get(b"transfer-encoding", b"").lower() == b"chunked"
        body = self._chunks() if chunked else self._take(int(headers.get(b"content-length", b"0")))
        self.served += 1
        return int(status[9:12]), headers, body

    def _take(self, length: int) -> bytes:
        if len(self.left) < length:
            parts, have = [self.left], len(self.left)
            while have < length:
                part = self.socket.recv(READ_BYTES)
                if not part:
                    raise ConnectionResetError("closed in the middle of an answer")
                parts.append(part)
                have += len(part)
            self.left = b"".join(parts)
        taken, self.left = self.left[:length], self.left[length:]
        return taken

    def _chunks(self) -> bytes:
        chunks = []
        while True:
            while (end := self.left.find(b"\r\n")) < 0:
                self._read()
            length = int(self.left[:end].split(b";")[0], 16)
            self.left = self.left[end + 2 :]
            chunks.append(self._take(length))
            self._take(2)
            if not length:
                return b"".join(chunks)

    def _read(self) -> None:
        part = self.socket.recv(READ_BYTES)
        if not part:
            raise ConnectionResetError("closed without an answer")
        self.left += part


class LeanHttpNode(BaseNode):
    """For `http` only."""

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self._address = (config.host, config.port)
        self._free: list[_Connection] = []
        self._room = threading.BoundedSemaphore(config.connections_per_node)

    def perform_request(
        self, method: str, target: str, body: bytes | None = None, headers: Any = None, request_timeout: Any = DEFAULT
    ) -> NodeApiResponse:
        seconds = self.config.request_timeout if request_timeout is DEFAULT else request_timeout
        begun = time.time()
        message = self._message(method, target, body, headers)
        try:
            with self._room:
                status, said, answer = self._ask(message, seconds or 60.0)
        except TimeoutError as late:
            raise ConnectionTimeout("Connection timed out", errors=(late,)) from late
        except OSError as lost:
            raise ConnectionError(f"Connection error: {lost}", errors=(lost,)) from lost
        kind = said.get(b"content-type", b"application/json").decode("latin-1")
        meta = ApiResponseMeta(
            node=self.config,
            duration=time.time() - begun,
            http_version="1.1",
            status=status,
            headers=HttpHeaders({"content-type": kind}),
        )
        return NodeApiResponse(meta, answer)

    def close(self) -> None:
        while self._free:
            self._free.pop().socket.close()

    def _message(self, method: str, target: str, body: bytes | None, headers: Any) -> bytes:
        lines = [f"{method} {self.path_prefix}{target} HTTP/1.1", f"host: {self.config.host}:{self.config.port}"]
        lines += [f"{name}: {value}" for name, value in (*self.config.headers.items(), *(headers or {}).items())]
        if body or method in ("POST", "PUT"):
            lines.append(f"content-length: {len(body or b'')}")
        return "\r\n".join((*lines, "\r\n")).encode() + (body or b"")

    def _ask(self, message: bytes, seconds: float) -> tuple[int, dict[bytes, bytes], bytes]:
        """On a kept connection, or a new one; once more when a kept one turns out to be closed."""
        while True:
            connection = self._free.pop() if self._free else _Connection(self._address, min(seconds, 2.0))
            kept = connection.served > 0
            try:
                answer = connection.ask(message, seconds)
            except TimeoutError:
                connection.socket.close()
                raise
            except OSError:
                connection.socket.close()
                if not kept or connection.left:
                    raise
            except BaseException:  # a killed greenthread: the answer may still come, for nobody
                connection.socket.close()
                raise
            else:
                self._free.append(connection)
                return answer
