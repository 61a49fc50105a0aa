"""Stock by SKU and warehouse: levels, reservations, adjustments."""
