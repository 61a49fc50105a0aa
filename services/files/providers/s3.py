"""S3 object store through boto3: Amazon S3 or a compatible server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from schemas.signed.file_grants import CHUNK_BYTES
from services.chassis.common.errors import ServiceUnavailable
from services.files.providers.interface import ObjectNotFound
from services.files.settings import FileSettings


class S3Store:
    """Stores objects in an S3 bucket. boto3 (30 MB of memory) is imported on demand."""

    def __init__(self, settings: FileSettings) -> None:
        import boto3
        from botocore.config import Config

        self.bucket = settings.s3_bucket
        config = Config(
            connect_timeout=3,
            read_timeout=10,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=32,
            s3={"addressing_style": "path"} if settings.s3_endpoint else {},
            # Not all S3-compatible servers support the checksums that newer clients send by default.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self.client = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint or None,
            region_name=settings.s3_region,
            aws_access_key_id=settings.s3_access_key or None,
            aws_secret_access_key=settings.s3_secret_key.get_secret_value() or None,
            config=config,
        )

    def put(self, key: str, source: Path, content_type: str) -> None:
        with _outages(), source.open("rb") as body:
            self.client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        with _outages():
            try:
                record = self.client.get_object(
                    Bucket=self.bucket, Key=key, Range=f"bytes={start}-{start + length - 1}"
                )
            except self.client.exceptions.NoSuchKey:
                raise ObjectNotFound(key) from None
        return _chunks(record["Body"])

    def remove(self, prefix: str) -> None:
        with _outages():
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                keys = [{"Key": record["Key"]} for record in page.get("Contents", [])]
                if keys:
                    self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})

    def ping(self) -> None:
        self.client.head_bucket(Bucket=self.bucket)


def _chunks(body: Any) -> Iterator[bytes]:
    try:
        yield from body.iter_chunks(CHUNK_BYTES)
    finally:
        body.close()


@contextmanager
def _outages() -> Iterator[None]:
    """Translate outages of the store to `ServiceUnavailable`; other client errors are bugs and stay."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except BotoCoreError as error:
        raise ServiceUnavailable("The object store is not available at the moment") from error
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 500:
            raise ServiceUnavailable("The object store is not available at the moment") from error
        raise
