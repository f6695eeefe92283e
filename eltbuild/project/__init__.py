"""The project as the user wrote it: files, properties, configs, packages, profile."""
