"""The shared language: models of requests, replies, resources and events, and what is generated from them."""
