"""Stock by SKU and warehouse, held for orders, sold, counted."""
