"""Recipes: their content, and its validation."""
