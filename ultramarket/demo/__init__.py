"""Demonstration of a customer's journey over HTTP: search, order, review, and their effects in every system."""

from ultramarket.demo.journey import Journey
from ultramarket.demo.session import DemoFailed

__all__ = ["DemoFailed", "Journey"]
