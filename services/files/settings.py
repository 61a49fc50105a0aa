"""What can be set of files."""

from typing import Literal

from pydantic import Field, SecretStr

from services.chassis.runtime.settings import Settings


class FileSettings(Settings):
    """Prefix `ULTRAMARKET_`, as everywhere."""

    file_max_bytes: int = Field(10_485_760, ge=1024, le=1_073_741_824, description="largest file that is taken")
    file_store: Literal["local", "s3"] = Field("local", description="where contents are kept: `local` or `s3`")
    file_folder: str = Field("var/files", description="folder of the local store, and where uploads wait")
    s3_endpoint: str = Field("", description="address of the S3 server; empty: Amazon's")
    s3_region: str = Field("us-east-1", description="region of the bucket")
    s3_bucket: str = Field("ultramarket", description="bucket; it must be there")
    s3_access_key: str = Field("", description="empty: boto3 looks where it usually does")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="belongs to the access key")
    file_quota_customer_mb: int = Field(100, ge=0, le=10**7, description="what a customer may keep; 0: no limit")
    file_quota_vendor_mb: int = Field(5_000, ge=0, le=10**7, description="what a vendor may keep; 0: no limit")
    file_grace_seconds: int = Field(
        86_400, ge=0, le=31_536_000, description="how long a content that nobody has any more is kept"
    )
    picture_megapixels: int = Field(50, ge=1, le=500, description="a picture with more is refused before it is decoded")
    picture_workers: int = Field(2, ge=1, le=16, description="processes that re-encode pictures; they end when idle")
    picture_seconds: float = Field(20.0, gt=0, le=300, description="how long one picture may take")
    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")

    @property
    def secret(self) -> bytes:
        """Signs links, and is what the gateway's word is known by."""
        return self.secret_key.get_secret_value().encode()
