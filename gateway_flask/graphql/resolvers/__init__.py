"""Resolvers of the schema's fields, one module for each area."""

from gateway_flask.graphql.resolvers import account, cart, catalogue, categories, orders, reviews, search

__all__ = ["account", "cart", "catalogue", "categories", "orders", "reviews", "search"]
