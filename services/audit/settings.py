"""What audit needs to know beside what every process knows."""

from pydantic import Field, SecretStr

from services.chassis.runtime.settings import Settings


class AuditSettings(Settings):
    """Read from the environment; the prefix is `ULTRAMARKET_`."""

    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")
    audit_secret: SecretStr = Field(
        SecretStr(""), description="signs the audit trail's checkpoints; the instance's secret when empty"
    )

    @property
    def checkpoint_key(self) -> bytes:
        """It must stay the same: earlier checkpoints are checked with it."""
        return (self.audit_secret.get_secret_value() or self.secret_key.get_secret_value()).encode()
