"""Logs, metrics, traces, and records for the audit trail."""
