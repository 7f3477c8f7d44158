"""
A series that follows a region
==============================

The Sun rotates by some 13 degrees in a day. With ``track``, the field of view moves with the surface: the region stays
in the middle, and the images of a series become a cube with a time axis.
"""

import tempfile
from pathlib import Path

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
import sunpy.visualization.colormaps  # noqa: F401  adds the colors of AIA
from astropy.io import fits
from astropy.time import Time

import aia_ccdproc
from aia_ccdproc.synthetic import ActiveSun, Exposure

# %%
# A series of exposures
# ---------------------
# The active regions of this Sun rotate. The exposures are cutouts, six hours apart. The header of each has the correct
# pointing.

START = Time("2020-01-01T00:00:00")
hours = np.arange(0, 49, 6)
level1 = []
for hour in hours:
    time = f"{(START + hour * u.hour).isot}Z"
    exposure = Exposure(193, time, binning=4, corner=(260, 545), shape=(170, 410))
    level1.append(exposure.image(ActiveSun(193, days=hour / 24), noise=1))

# %%
# The same field of view, fixed and tracked
# -----------------------------------------

view = {"center": [-330, 270], "size": [420, 260]}
fixed = [aia_ccdproc.register(ccd, **view) for ccd in level1]
tracked = [aia_ccdproc.register(ccd, **view, track=START.isot) for ccd in level1]

figure, axes = plt.subplots(2, 5, figsize=(10, 3.2), layout="constrained")
for row, images in zip(axes, (fixed, tracked), strict=True):
    for ax, hour, ccd in zip(row, hours[::2], images[::2], strict=True):
        ax.imshow(np.arcsinh(ccd.data / 100), origin="lower", cmap="sdoaia193")
        ax.set_title(f"{hour} h, x = {ccd.header['XCEN']:.0f}″", fontsize=10)
        ax.set(xticks=[], yticks=[])
for ax, name in zip(axes[:, 0], ("fixed", "tracked"), strict=True):
    ax.set_ylabel(name)
plt.show()

# %%
# A cube
# ------
# ``stack`` makes a cube of the outputs of a batch. Its WCS has a time axis. A cut through the middle of the region
# shows the rotation: in the fixed view the region leaves to the west, in the tracked one it stays.

with tempfile.TemporaryDirectory() as folder:
    cubes = {}
    for name, images in {"fixed": fixed, "tracked": tracked}.items():
        files = [
            aia_ccdproc.write(ccd, Path(folder, f"{name}_{number}.fits"))
            for number, ccd in enumerate(images)
        ]
        [path] = aia_ccdproc.stack(files, Path(folder, f"{name}_cube.fits"))
        cubes[name] = fits.getdata(path)
        print(name, cubes[name].shape)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
for ax, (name, cube) in zip(axes, cubes.items(), strict=True):
    brightness = np.nanmean(cube[:, 45:65], axis=1)
    ax.pcolormesh(
        np.arange(brightness.shape[1]) * 2.4,
        hours,
        np.arcsinh(brightness / 100),
        cmap="sdoaia193",
    )
    ax.set(title=name, xlabel="position in the field of view [arcsec]")
axes[0].set_ylabel("time [hours]")
plt.show()
