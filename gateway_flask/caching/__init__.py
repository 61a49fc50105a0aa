"""In-memory caches of one gateway process."""
