"""SDO/HMI for aia-ccdproc: continuum images, magnetograms and Dopplergrams on the level-1.5 grid of AIA.

After installation `aia_ccdproc.read` identifies images of HMI, and ``register`` moves them onto the grid of AIA.
`observe` makes synthetic images of HMI for tests.
"""

from aia_ccdproc_hmi.synthetic import observe

__all__ = ["observe"]
