"""The operator's YAML: read with all its faults, checked against the cloud's rules, written back, its schema."""
