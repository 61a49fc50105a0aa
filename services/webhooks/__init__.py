"""Webhooks: events sent to the URLs that administrators and vendors subscribe."""
