"""What a machine's state means: observed values in, the status that people and programs read out."""
