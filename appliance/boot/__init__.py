"""How the daemon comes back with the machine: its systemd unit, and what of it follows from where the program lies."""
