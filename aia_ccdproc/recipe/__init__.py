"""What a recipe may contain, and its validation."""
