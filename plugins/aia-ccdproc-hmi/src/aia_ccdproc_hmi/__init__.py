"""SDO/HMI for aia-ccdproc: continuum, magnetograms and Dopplergrams, registered onto the grid of AIA's level 1.5.

Nothing has to be called: once the distribution is installed, `aia_ccdproc.read` knows HMI's images, and ``register``
puts them where AIA's are. `observe` makes images of HMI whose truth is known.
"""

from aia_ccdproc_hmi.synthetic import observe

__all__ = ["observe"]
