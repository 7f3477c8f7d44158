"""The core's steps, a file each: the function that does the work and the hook implementation that calls it."""
