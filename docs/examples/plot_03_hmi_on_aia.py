"""
A magnetogram on an AIA image
=============================

HMI has other pixels than AIA, and its images are rotated by 180 degrees. ``register`` puts both on one grid. Then the
magnetic field can be drawn on the loops, and can be compared with them pixel by pixel.
"""

import matplotlib.pyplot as plt
import numpy as np

import aia_ccdproc
from aia_ccdproc.synthetic import (
    ActiveSun,
    Exposure,
    Source,
    Sun,
    builtin_pointing_path,
)
from aia_ccdproc_hmi import observe

# %%
# Two images of one active region
# -------------------------------
# The magnetic field of the synthetic region has one polarity in the east and the other in the west. The plugin
# aia-ccdproc-hmi makes the magnetogram, and recognizes magnetograms, continuum images and Dopplergrams from JSOC.

CENTER, SIZE = (90, -370), (300, 240)
exposure = Exposure(171, corner=(1850, 1150), shape=(600, 700))
aia = exposure.image(ActiveSun(171), noise=1)

field = [
    Source(spot.x, spot.y, 600 if spot.x > CENTER[0] else -600, spot.sigma / 2)
    for spot in ActiveSun(1600).regions
    if spot.peak > 40 and abs(spot.x - CENTER[0]) < 120
]
magnetic_sun = Sun(disk=0, corona=0, sources=tuple(field))
hmi = observe(magnetic_sun, "MAGNETOGRAM", corner=(1500, 2450), shape=(700, 800))

# %%
# One field of view for both
# --------------------------
# ``center`` and ``size`` are in arcsec. They give both images the same pixels.

pointed = aia_ccdproc.update_pointing(aia, source=builtin_pointing_path())
aia15 = aia_ccdproc.register(pointed, center=CENTER, size=SIZE)
hmi15 = aia_ccdproc.register(hmi, center=CENTER, size=SIZE)
print("shape ", aia15.shape, hmi15.shape)
print("CRPIX ", aia15.wcs.wcs.crpix, hmi15.wcs.wcs.crpix)

# %%
# The magnetogram as HMI delivers it has north down. The contours on the right are at -100 and 100 G.

figure = plt.figure(figsize=(11, 3.6), layout="constrained")
images = {"HMI as delivered": hmi, "HMI on AIA's pixels": hmi15}
for number, (title, ccd) in enumerate(images.items(), start=1):
    magnetogram = aia_ccdproc.to_map(ccd)
    ax = figure.add_subplot(1, 3, number, projection=magnetogram)
    magnetogram.plot(axes=ax, cmap="gray", norm=plt.Normalize(-500, 500), title=title)
loops = aia_ccdproc.to_map(aia15)
ax = figure.add_subplot(1, 3, 3, projection=loops)
loops.plot(axes=ax, title="171 Å, and contours of HMI")
ax.contour(hmi15.data, levels=[-100, 100], colors=["deepskyblue", "white"])
plt.show()

# %%
# Numbers need no drawing. The arrays have the same shape:

strong = np.abs(hmi15.data) > 100
inside, outside = aia15.data[strong].mean(), aia15.data[~strong].mean()
print(
    f"mean in 171 angstrom: {inside:.0f} DN in strong field, {outside:.0f} DN elsewhere"
)
