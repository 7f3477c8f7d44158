"""Functions of ccdproc as steps of a recipe."""
