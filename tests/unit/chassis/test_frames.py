"""Our frames are py-amqp's, byte by byte."""

from contextlib import suppress
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import amqp
import pytest
from amqp import spec
from amqp.exceptions import FrameSyntaxError, UnexpectedFrame
from amqp.method_framing import frame_writer
from amqp.serialization import dumps
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.frames import Reader, published

FRAME_MAX = 131_072
JSON = {"content_type": "application/json", "content_encoding": "utf-8"}
SHORT = st.text(max_size=40)
VALUES = st.recursive(
    st.one_of(SHORT, st.booleans(), st.none(), st.floats(allow_nan=False), st.integers(-(2**62), 2**62)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(SHORT, inner, max_size=3)),
    max_leaves=6,
)
MESSAGES = st.fixed_dictionaries(
    {"delivery_mode": st.sampled_from([1, 2])},
    optional={
        "headers": st.dictionaries(SHORT, VALUES, max_size=4),
        **dict.fromkeys(("correlation_id", "reply_to", "expiration", "message_id"), SHORT),
    },
)


def _theirs(body: bytes, exchange: str, routing_key: str, mandatory: bool, properties: dict[str, Any]) -> bytes:
    written: list[bytes] = []
    connection = SimpleNamespace(frame_max=FRAME_MAX, bytes_sent=0)
    write = frame_writer(connection, SimpleNamespace(write=lambda part: written.append(bytes(part))))
    said = {"application_headers" if name == "headers" else name: value for name, value in properties.items()}
    arguments = dumps("Bssbb", (0, exchange, routing_key, mandatory, False))
    write(1, 3, spec.Basic.Publish, arguments, amqp.Message(body, **JSON, **said))
    return b"".join(written)


@given(st.binary(max_size=300), SHORT, SHORT, st.booleans(), MESSAGES)
def test_any_message(body: bytes, exchange: str, key: str, mandatory: bool, properties: dict[str, Any]) -> None:
    ours = published(3, FRAME_MAX, body, exchange=exchange, routing_key=key, mandatory=mandatory, **properties)

    assert ours == _theirs(body, exchange, key, mandatory, properties)


@pytest.mark.parametrize("length", [0, 1, FRAME_MAX - 8, FRAME_MAX - 7, 3 * FRAME_MAX])
def test_a_body_is_cut_where_a_frame_ends(length: int) -> None:
    body = b"x" * length

    ours = published(3, FRAME_MAX, body, exchange="e", routing_key="k", delivery_mode=1)

    frames = []
    while ours:
        size = int.from_bytes(ours[3:7])
        assert ours[7 + size] == 0xCE
        frames.append((ours[0], ours[7 : 7 + size]))
        ours = ours[8 + size :]
    assert [kind for kind, _ in frames[:2]] == [1, 2]
    assert {kind for kind, _ in frames[2:]} <= {3}
    assert b"".join(carried for _, carried in frames[2:]) == body
    assert all(len(carried) <= FRAME_MAX - 8 for _, carried in frames)


@pytest.mark.parametrize("wrong", [{"routing_key": "k" * 256}, {"headers": {"a": {1, 2}}}, {"headers": {"n" * 256: 1}}])
def test_what_amqp_can_not_carry_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(FrameSyntaxError):
        published(3, FRAME_MAX, b"", **{"exchange": "e", "routing_key": "k", "delivery_mode": 1, **wrong})


def _reader(*parts: bytes | Exception, before: bytes = b"") -> Reader:
    """One that is given these parts by the network, one after the other, then its end."""
    coming = iter(parts)

    def receive(_most: int) -> bytes:
        part = next(coming, b"")
        if isinstance(part, Exception):
            raise part
        return part

    return Reader(SimpleNamespace(sock=SimpleNamespace(recv=receive), connected=True, _read_buffer=before))


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=6), st.data())
def test_frames_are_read_however_they_are_cut(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(b"\x03\x00\x05" + len(each).to_bytes(4) + each + b"\xce" for each in payloads)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=5)))
    parts = [stream[start:end] for start, end in pairwise([0, *cuts, len(stream)]) if end > start]
    first, *others = parts
    reader = _reader(*(part for other in others for part in (TimeoutError(), other)), before=first)

    read = []
    while len(read) < len(payloads):
        with suppress(TimeoutError):
            read.append(reader.read_frame())

    assert read == [(3, 5, each) for each in payloads]


def test_the_end_of_a_connection_is_an_error_and_so_is_a_frame_that_does_not_end() -> None:
    over = _reader(b"\x03\x00")
    with pytest.raises(ConnectionResetError):
        over.read_frame()
    assert not over._transport.connected
    with pytest.raises(UnexpectedFrame):
        _reader(b"\x03\x00\x05\x00\x00\x00\x01xx").read_frame()
