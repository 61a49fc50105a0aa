"""Pytest starts here: how Hypothesis generates examples. Fixtures live beside the tests that use them."""

from hypothesis import HealthCheck, settings

# No time limits: what is generated in a millisecond may take a second on a busy machine.
settings.register_profile("ultramarket", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("ultramarket")
