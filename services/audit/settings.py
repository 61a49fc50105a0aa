"""Settings of the audit service."""

from pydantic import Field, SecretStr

from services.chassis.runtime.settings import Settings


class AuditSettings(Settings):
    """Keys of the audit trail."""

    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")
    audit_secret: SecretStr = Field(
        SecretStr(""), description="signs the audit trail's checkpoints; the instance's secret when empty"
    )

    @property
    def checkpoint_key(self) -> bytes:
        """The key that signs checkpoints. It must not change, because earlier checkpoints are verified with it."""
        return (self.audit_secret.get_secret_value() or self.secret_key.get_secret_value()).encode()
