"""The framework of all services: processes, RPC, events, stores, observability, common helpers."""
