"""The command line ``aia-prep``: arguments in, exit codes out."""
