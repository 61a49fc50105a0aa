"""Settings of the files service."""

from typing import Literal

from pydantic import Field, SecretStr

from services.chassis.runtime.settings import Settings


class FileSettings(Settings):
    """Uploads, object store, quotas and picture processing."""

    file_max_bytes: int = Field(10_485_760, ge=1024, le=1_073_741_824, description="maximum file size in bytes")
    file_store: Literal["local", "s3"] = Field("local", description="object store: `local` or `s3`")
    file_folder: str = Field("var/files", description="folder of the local object store and of uploads in progress")
    s3_endpoint: str = Field("", description="URL of the S3 server; empty: Amazon S3")
    s3_region: str = Field("us-east-1", description="region of the bucket")
    s3_bucket: str = Field("ultramarket", description="bucket, which must exist")
    s3_access_key: str = Field("", description="access key; empty: boto3's default lookup")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="secret of the access key")
    file_quota_customer_mb: int = Field(100, ge=0, le=10**7, description="quota of a customer in MB; 0: no limit")
    file_quota_vendor_mb: int = Field(5_000, ge=0, le=10**7, description="quota of a vendor in MB; 0: no limit")
    file_grace_seconds: int = Field(
        86_400, ge=0, le=31_536_000, description="seconds until a content without files is removed"
    )
    picture_megapixels: int = Field(
        50, ge=1, le=500, description="maximum number of megapixels, checked before decoding"
    )
    picture_workers: int = Field(2, ge=1, le=16, description="processes that re-encode pictures; they end when idle")
    picture_seconds: float = Field(20.0, gt=0, le=300, description="time limit of one picture in seconds")
    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")

    @property
    def secret(self) -> bytes:
        """The key that signs links and the gateway's grants."""
        return self.secret_key.get_secret_value().encode()
