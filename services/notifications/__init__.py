"""Notifications service: e-mail, SMS, push and in-app messages, once per event and channel."""
