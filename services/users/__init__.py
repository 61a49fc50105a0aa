"""Users: profiles and address books."""
