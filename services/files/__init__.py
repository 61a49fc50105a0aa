"""Files service: uploaded pictures and documents, deduplicated by content."""
