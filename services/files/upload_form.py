"""Upload form: multipart/form-data parsed as a stream, with the file written to disk in chunks."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from schemas.signed.file_grants import CHUNK_BYTES
from services.chassis.common.errors import BadRequest, PayloadTooLarge, ValidationFailed

FIELDS: Final = ("purpose", "private")
FIELD_BYTES: Final = 200
PARTS: Final = 8
HEAD_BYTES: Final = 8_192
"""How much of the beginning and the end of a file is kept for type detection."""


@dataclass
class UploadForm:
    """A parsed form, with its file in a temporary folder."""

    folder: Path
    fields: dict[str, str] = field(default_factory=dict)
    name: str = ""
    size: int = 0
    sha256: str = ""
    head: bytes = b""
    tail: bytes = b""

    @property
    def path(self) -> Path:
        return self.folder / "upload"


@contextmanager
def read_form(stream: BinaryIO, content_type: str, max_bytes: int, parent: Path) -> Iterator[UploadForm]:
    """Parse the form; its temporary folder is removed at the end.

    Raises `BadRequest` for a malformed form, `PayloadTooLarge` as soon as the file exceeds the limit,
    `ValidationFailed` for missing or unknown parts.
    """
    mime, options = parse_options_header(content_type)
    if mime != "multipart/form-data" or not options.get("boundary"):
        raise BadRequest("Send multipart/form-data with the parts `file` and `purpose`")
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(dir=parent, prefix="upload-") as folder:
        form = UploadForm(Path(folder))
        decoder = MultipartDecoder(options["boundary"].encode(), max_form_memory_size=None, max_parts=PARTS)
        try:
            _read(stream, decoder, form, max_bytes)
        except (ValueError, RequestEntityTooLarge):
            raise BadRequest("The form is not multipart/form-data, or incomplete") from None
        if not form.sha256:
            raise ValidationFailed.of("file", "is missing")
        if not form.size:
            raise ValidationFailed.of("file", "is empty")
        yield form


def _read(stream: BinaryIO, decoder: MultipartDecoder, form: UploadForm, max_bytes: int) -> None:
    digest = hashlib.sha256()
    reading, written = "", None
    try:
        while True:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                decoder.receive_data(stream.read(CHUNK_BYTES) or None)
            elif isinstance(event, File):
                if event.name != "file":
                    raise ValidationFailed.of(event.name or "file", "is not a file of this form")
                if written is not None:
                    raise ValidationFailed.of("file", "was sent more than once")
                reading, form.name = "file", Path(event.filename.replace("\\", "/")).name
                written = form.path.open("wb")
            elif isinstance(event, Field):
                if event.name not in FIELDS:
                    raise ValidationFailed.of(event.name or "form", "is not a field of this form")
                reading = event.name
                if reading in form.fields:
                    raise ValidationFailed.of(reading, "was sent more than once")
                form.fields[reading] = ""
            elif isinstance(event, Data) and reading == "file":
                assert written is not None
                form.size += len(event.data)
                if form.size > max_bytes:
                    raise PayloadTooLarge(f"A file may have at most {max_bytes} bytes")
                digest.update(event.data)
                written.write(event.data)
                form.head = (form.head + event.data[:HEAD_BYTES])[:HEAD_BYTES]
                form.tail = (form.tail + event.data)[-HEAD_BYTES:]
            elif isinstance(event, Data):
                form.fields[reading] += event.data.decode("utf-8", "replace")
                if len(form.fields[reading]) > FIELD_BYTES:
                    raise ValidationFailed.of(reading, "is too long")
            elif isinstance(event, Epilogue):
                break
    finally:
        if written is not None:
            written.close()
    form.sha256 = digest.hexdigest() if written is not None else ""
