"""The object store that the settings name."""

from pathlib import Path

from services.files.providers.interface import ObjectStore
from services.files.providers.local import LocalStore
from services.files.settings import FileSettings


def object_store(settings: FileSettings) -> ObjectStore:
    """Local, or S3 (boto3 is loaded then)."""
    if settings.file_store == "s3":
        from services.files.providers.s3 import S3Store

        return S3Store(settings)
    return LocalStore(Path(settings.file_folder) / "objects")
