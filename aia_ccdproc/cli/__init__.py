"""The command line ``aia-prep``."""
