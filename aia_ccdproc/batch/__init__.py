"""Prep many files: plan the work, hand it to workers, resume after an interruption."""
