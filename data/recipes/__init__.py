"""Recipes: whole cities from foreign files, each file's oddities written down as data."""
