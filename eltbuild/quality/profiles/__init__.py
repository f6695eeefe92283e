"""What stands in the columns of a relation: one question for all columns, one for what is frequent."""
