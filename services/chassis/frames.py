"""Frames of AMQP 0-9-1 as bytes: a message to publish in one piece, and frames that came, from one buffer.

py-amqp makes the bytes of a message value by value through streams, in two hundred calls, and asks the kernel three
times for each frame: together more than half of what an RPC cost us outside of the method itself.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final

from amqp.exceptions import FrameSyntaxError, UnexpectedFrame

_METHOD: Final = struct.Struct(">BHIHHH")
"""Kind of frame, channel, length; class, method, and a reserved number."""
_HEADER: Final = struct.Struct(">BHIHHQH")
"""Kind of frame, channel, length; class, weight, length of the body, which properties there are."""
_FRAME: Final = struct.Struct(">BHI")
_LONG: Final = struct.Struct(">I")
_END: Final = b"\xce"
_OF_METHOD, _OF_HEADER, _OF_BODY = 1, 2, 3
_BASIC, _PUBLISH = 60, 40
_MANDATORY: Final = b"\x01"
_JSON: Final = b"\x10application/json\x05utf-8"
"""The properties content type and content encoding."""
_TYPE, _ENCODING, _HEADERS, _MODE = 1 << 15, 1 << 14, 1 << 13, 1 << 12
_CORRELATION_ID, _REPLY_TO, _EXPIRATION, _MESSAGE_ID = 1 << 10, 1 << 9, 1 << 8, 1 << 7
_AROUND: Final = 8
"""Bytes of a frame beside what it carries."""
READ_BYTES: Final = 65_536

Frame = tuple[int, int, bytes]
"""Kind, channel and payload."""


def published(
    channel: int,
    frame_max: int,
    body: bytes,
    *,
    exchange: str,
    routing_key: str,
    delivery_mode: int,
    mandatory: bool = False,
    headers: Mapping[str, Any] | None = None,
    correlation_id: str | None = None,
    reply_to: str | None = None,
    expiration: str | None = None,
    message_id: str | None = None,
) -> bytes:
    """The frames of a JSON message. Raises `FrameSyntaxError` for what AMQP can't carry."""
    flags, properties = _TYPE | _ENCODING | _MODE, [_JSON]
    if headers is not None:
        flags |= _HEADERS
        properties.append(_table(headers))
    properties.append(bytes((delivery_mode,)))
    for flag, text in (
        (_CORRELATION_ID, correlation_id),
        (_REPLY_TO, reply_to),
        (_EXPIRATION, expiration),
        (_MESSAGE_ID, message_id),
    ):
        if text is not None:
            flags |= flag
            properties.append(_short(text))
    where, said = _short(exchange) + _short(routing_key), b"".join(properties)
    frames = [
        _METHOD.pack(_OF_METHOD, channel, 7 + len(where), _BASIC, _PUBLISH, 0),
        where,
        _MANDATORY if mandatory else b"\x00",
        _END,
        _HEADER.pack(_OF_HEADER, channel, 14 + len(said), _BASIC, 0, len(body), flags),
        said,
        _END,
    ]
    most = frame_max - _AROUND
    for start in range(0, len(body), most):
        part = body if len(body) <= most else body[start : start + most]
        frames += (_FRAME.pack(_OF_BODY, channel, len(part)), part, _END)
    return b"".join(frames)


def _short(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) > 255:
        raise FrameSyntaxError(f"{text[:40]}… is longer than 255 bytes")
    return bytes((len(raw),)) + raw


def _table(values: Mapping[str, Any]) -> bytes:
    inside = b"".join([_short(name) + _value(value) for name, value in values.items()])
    return _LONG.pack(len(inside)) + inside


def _value(value: Any) -> bytes:
    """A table's value with its type, as RabbitMQ reads them."""
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        return b"S" + _LONG.pack(len(raw)) + raw
    if isinstance(value, bool):
        return b"t\x01" if value else b"t\x00"
    if isinstance(value, float):
        return struct.pack(">cd", b"d", value)
    if isinstance(value, int):
        return struct.pack(">ci", b"I", value) if abs(value) < 2**31 else struct.pack(">cq", b"L", value)
    if isinstance(value, Mapping):
        return b"F" + _table(value)
    if isinstance(value, list | tuple):
        inside = b"".join([_value(each) for each in value])
        return b"A" + _LONG.pack(len(inside)) + inside
    if value is None:
        return b"V"
    raise FrameSyntaxError(f"AMQP has no word for a {type(value).__name__}")


class Reader:
    """Reads frames in place of a py-amqp transport's own `read_frame`: what has arrived is taken in one go."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._receive = transport.sock.recv
        self._left = bytearray(transport._read_buffer)
        self._at = 0

    def read_frame(self) -> Frame:
        """The next frame. After a time-out nothing is lost: it goes on from there."""
        while (frame := self.next_frame()) is None:
            self._read_on()
        return frame

    def next_frame(self) -> Frame | None:
        """The next one that is here already."""
        left, at = self._left, self._at
        if len(left) - at < _FRAME.size:
            return None
        kind, channel, size = _FRAME.unpack_from(left, at)
        end = at + _FRAME.size + size
        if len(left) <= end:
            return None
        if left[end] != _END[0]:
            raise UnexpectedFrame("a frame does not end where it should")
        self._at = end + 1
        return kind, channel, bytes(left[at + _FRAME.size : end])

    def _read_on(self) -> None:
        try:
            came = self._receive(READ_BYTES)
        except TimeoutError:
            raise
        except OSError:
            self._transport.connected = False
            raise
        if not came:
            self._transport.connected = False
            raise ConnectionResetError("the broker closed the connection")
        del self._left[: self._at]
        self._at = 0
        self._left += came


def read_ahead(connection: Any) -> None:
    """Let an open py-amqp connection read so from now on: one look at the network for all frames that are here."""
    transport = connection.transport
    reader = Reader(transport)

    def blocking_read(timeout: float | None = None) -> Any:
        with transport.having_timeout(timeout):
            frame: Frame | None = reader.read_frame()
        dispatched = None
        while frame is not None:
            dispatched = connection.on_inbound_frame(frame) or dispatched
            frame = reader.next_frame() if connection._transport is transport else None
        return dispatched

    connection.blocking_read = blocking_read
