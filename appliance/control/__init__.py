"""How orders and questions reach the daemon: one line of JSON over a local socket, and lines back until it is done."""
