"""The difference between what should be and what is, as a value that prints, orders itself and can refuse."""
