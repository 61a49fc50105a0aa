"""Those who carry messages to people."""
