"""Records and record batches that Kafka has stored, read from the headers of its log segments.

A produce request of librdkafka carries one batch for one partition, so batches are nearly requests
(https://github.com/confluentinc/librdkafka/issues/2036); the broker itself counts requests for JMX only.
The header: https://kafka.apache.org/documentation/#recordbatch.
"""

import struct
from collections import Counter
from pathlib import Path
from typing import Final

HEADER: Final = struct.Struct(">qiibihiqqqhii")
"""baseOffset, batchLength, partitionLeaderEpoch, magic, crc, attributes, lastOffsetDelta, two timestamps, producer
id, epoch, base sequence, number of records.
"""
BEFORE_LENGTH: Final = 12
"""Bytes of baseOffset and batchLength, which batchLength doesn't count."""
INTERNAL: Final = "__"


class KafkaLog:
    """The broker's log folder, read on from where the last reading ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._positions: dict[Path, int] = {}
        self._counts: Counter[str] = Counter()

    def read(self) -> Counter[str]:
        """Records and batches so far, in all topics of ours and in the broker's own."""
        for path in self._folder.glob("*/*.log"):
            self._read_on(path)
        return Counter(self._counts)

    def _read_on(self, path: Path) -> None:
        kind = "internal topics" if path.parent.name.startswith(INTERNAL) else path.parent.name.rpartition("-")[0]
        position, size = self._positions.get(path, 0), path.stat().st_size
        with path.open("rb") as file:
            while position + HEADER.size <= size:
                file.seek(position)
                fields = HEADER.unpack(file.read(HEADER.size))
                length, records = fields[1], fields[-1]
                if length <= 0 or position + BEFORE_LENGTH + length > size:
                    break  # space that is reserved, or a batch that is being written
                self._counts[f"batches, {kind}"] += 1
                self._counts[f"records, {kind}"] += records
                position += BEFORE_LENGTH + length
        self._positions[path] = position
