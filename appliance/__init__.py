"""A BGP-centric IPsec routing appliance, and the orchestrator of its machine."""

__version__ = "0.1.0"
