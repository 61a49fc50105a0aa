"""The rules of search: what a product is found by, what a query means, in which order things stand."""
