"""What is tried again, for how long, and what is not."""
