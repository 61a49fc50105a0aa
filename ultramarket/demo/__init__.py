"""A customer's journey over HTTP, narrated: from a misspelt search to the figures, the audit trail and Kafka."""

from ultramarket.demo.journey import Journey
from ultramarket.demo.session import DemoFailed

__all__ = ["Journey", "DemoFailed"]
