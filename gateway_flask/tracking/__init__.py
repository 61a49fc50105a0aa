"""Behaviour events that the gateway observes: searches, sign-ins, flag exposures."""
