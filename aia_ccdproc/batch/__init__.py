"""Prep many files: plan the work, give it to workers, and resume after an interruption."""
