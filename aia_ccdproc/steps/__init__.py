"""The core's steps: ``update_pointing``, ``register``, ``normalize_exposure``, and ccdproc's own."""
