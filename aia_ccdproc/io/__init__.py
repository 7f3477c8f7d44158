"""Files and services: FITS images, their statistics, and tables of pointing records."""
