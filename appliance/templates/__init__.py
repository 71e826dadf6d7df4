"""Configuration of another program out of templates, into which no value can carry a statement of its own."""
