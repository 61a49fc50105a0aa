"""Pure rules of search: query parsing, documents, categories, tuning, suggestions, fallback."""
