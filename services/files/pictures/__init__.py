"""Re-encoding of pictures, in processes of its own."""
