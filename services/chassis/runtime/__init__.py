"""The process: services, settings, registry of names and ports, health, timers, start and stop."""
