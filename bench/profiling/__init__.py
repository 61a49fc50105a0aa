"""`python -m bench profile`: where a work's CPU goes, and how many commands, messages and records it makes."""
