"""The machine image: how it is made and tried, and what happens at its first start."""
