"""Fault scenarios against an instance of its own: load, faults, and a verdict from comparing all books afterwards."""
