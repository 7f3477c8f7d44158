"""SDO/HMI for aia-ccdproc: continuum images, magnetograms and Dopplergrams on the level-1.5 grid of AIA.

After installation `aia_ccdproc.read` identifies images of HMI, and ``register`` moves them onto the grid of AIA.
`observe` makes synthetic images of HMI for tests.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
