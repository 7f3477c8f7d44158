"""Inputs that are not files on this machine."""
