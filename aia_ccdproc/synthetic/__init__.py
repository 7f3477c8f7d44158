"""Synthetic level-1 images of a Sun whose true brightness is known, for the demo, for tests and for plugin authors.

A `Sun` gives the brightness of any position on the sky: a disk, a corona and Gaussian sources. An `ActiveSun` looks
like the Sun in a channel of AIA. An `Exposure` is a level-1 observation: it makes the header, computes the image of a
Sun, and writes both to a file in JSOC's format. `measure_pointing` measures in the pixels where
the center of the Sun is.
"""

from aia_ccdproc.synthetic.active_sun import ActiveSun
from aia_ccdproc.synthetic.exposure import BUILTIN_POINTING, Exposure, builtin_pointing_path
from aia_ccdproc.synthetic.measurement import MeasuredPointing, measure_pointing
from aia_ccdproc.synthetic.sphere import RSUN_OBS
from aia_ccdproc.synthetic.sun import Source, Sun

__all__ = [
    "BUILTIN_POINTING",
    "RSUN_OBS",
    "ActiveSun",
    "Exposure",
    "MeasuredPointing",
    "Source",
    "Sun",
    "builtin_pointing_path",
    "measure_pointing",
]
