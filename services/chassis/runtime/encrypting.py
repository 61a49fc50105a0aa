"""Provides the encryption of stored secrets and of personal data: `encryption = Encrypting()`."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.chassis.common.encryption import Encryption


class Encrypting(DependencyProvider):
    """Gives each worker the encryption under the instance's key ring. Without a key ring the process doesn't start."""

    def setup(self) -> None:
        path = self.container.config["SETTINGS"].encryption_keys_file
        if path is None:
            service = self.container.service_name
            raise RuntimeError(f"ULTRAMARKET_ENCRYPTION_KEYS_FILE is not set: {service} stores encrypted values")
        self.encryption = Encryption(path)

    def get_dependency(self, worker_ctx: Any) -> Encryption:
        return self.encryption
