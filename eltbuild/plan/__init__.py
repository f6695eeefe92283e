"""What to do and why: decisions and operations, nothing done."""
