"""Notifications: what customers hear from the shop, once per event and channel."""
