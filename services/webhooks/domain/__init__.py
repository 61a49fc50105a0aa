"""Rules of webhooks: signatures, retries."""
