"""What happened, told: console, log, artifacts."""
