"""What is remembered of a project in a target, and who may write it."""
