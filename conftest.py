"""Pytest starts here. Fixtures live beside the tests that use them: `tests/*/conftest.py`."""
