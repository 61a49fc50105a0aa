"""Figures of the shop, counted from the events in Kafka: sales, behaviour, customers, stock, reports."""
