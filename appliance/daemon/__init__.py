"""Puts the doors together: one pass that looks, plans and carries out, and what a machine's doors are."""
