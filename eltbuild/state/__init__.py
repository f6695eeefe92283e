"""What is remembered of a project in a target: nouns and their tables. Nothing is asked or written here."""
