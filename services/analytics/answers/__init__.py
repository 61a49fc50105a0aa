"""Each figure as the API replies it: reads from the book, shapes from the domain."""
