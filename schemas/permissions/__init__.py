"""Permissions: what each role may do, and the permission that each RPC method and each route needs."""
