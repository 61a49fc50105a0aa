"""Payments: money promised, taken and given back, exactly once each, through providers outside."""
