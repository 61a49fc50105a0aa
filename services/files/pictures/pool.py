"""Pool of picture worker processes, started on demand; each encodes one picture at a time."""

from pathlib import Path
from typing import Any

from services.chassis.common.errors import ServiceUnavailable, ValidationFailed
from services.chassis.runtime.worker_pool import WorkerPool


class PicturePool:
    """Encodes at most `size` pictures concurrently; others wait."""

    def __init__(self, size: int, seconds: float, max_pixels: int) -> None:
        self.max_pixels = max_pixels
        self.workers = WorkerPool("services.files.pictures.worker", size, seconds)

    def encode(self, source: Path, folder: Path) -> dict[str, Any]:
        """Encode a picture (see `encoding.encode`). Raises `ValidationFailed`, `ServiceUnavailable`."""
        request = {"source": str(source), "folder": str(folder), "max_pixels": self.max_pixels}
        try:
            reply = self.workers.request(request)
        except TimeoutError as slow:
            raise ValidationFailed.of("file", "takes too long to decode") from slow
        except OSError as ended:
            raise ServiceUnavailable("The picture could not be processed") from ended
        if "unfit" in reply:
            raise ValidationFailed.of("file", reply["unfit"])
        return reply

    def close(self) -> None:
        self.workers.close()
