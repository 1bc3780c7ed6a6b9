"""Hostile texts: what they are, where they can stand, and what a terminal may receive anyway."""
