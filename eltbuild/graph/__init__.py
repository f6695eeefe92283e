"""How nodes hang together, and which of them a selection names."""
