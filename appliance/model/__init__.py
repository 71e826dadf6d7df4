"""The nouns of the appliance: what is wanted, what a box can hold, what went wrong. No I/O, no third-party imports."""
