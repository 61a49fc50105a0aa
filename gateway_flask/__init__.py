"""The HTTP edge: REST in front, RPC behind. Thin: no business rule lives here."""
