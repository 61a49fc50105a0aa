"""What is on offer: products and their variants, categories, tax rates."""
