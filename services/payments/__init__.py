"""Payments: authorisation, capture and refund through providers, exactly once."""
