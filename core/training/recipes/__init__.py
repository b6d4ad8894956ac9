"""One file for each command that trains: builds networks, data and phases, and calls the one loop."""
