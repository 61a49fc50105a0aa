"""Selection of the object store by the settings."""

from pathlib import Path

from services.files.providers.interface import ObjectStore
from services.files.providers.local import LocalStore
from services.files.settings import FileSettings


def object_store(settings: FileSettings) -> ObjectStore:
    """The configured object store; boto3 is only imported for S3."""
    if settings.file_store == "s3":
        from services.files.providers.s3 import S3Store

        return S3Store(settings)
    return LocalStore(Path(settings.file_folder) / "objects")
