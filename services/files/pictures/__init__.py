"""Picture encoding in separate processes."""
