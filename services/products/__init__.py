"""The catalogue: products with variants, categories, tax rates."""
