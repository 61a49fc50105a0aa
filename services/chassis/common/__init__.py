"""Pure helpers: errors, ids, money, time, paging, text, the request context."""
