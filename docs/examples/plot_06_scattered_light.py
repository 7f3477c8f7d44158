"""
Scattered light
===============

The meshes that hold AIA's filters diffract light: around every bright point there is a cross of spots. The plugin
aia-ccdproc-psf computes this point spread function (PSF), and removes the light.
"""

# sphinx_gallery_thumbnail_number = 2
import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from scipy.signal import fftconvolve

import aia_ccdproc
from aia_ccdproc.synthetic import ActiveSun, Exposure, Source, Sun
from aia_ccdproc_psf import deconvolve, point_spread_function

# %%
# The point spread function
# -------------------------

psf = point_spread_function(193)
center = psf.shape[0] // 2
near = psf[center - 150 : center + 151, center - 150 : center + 151]
print(f"{near[147:154, 147:154].sum():.0%} of the light is within 3 pixels")

figure, ax = plt.subplots(figsize=(5.4, 4.5), layout="constrained")
ax.set_facecolor("black")
norm, extent = LogNorm(1e-8, 1e-2), (-90, 90, -90, 90)
image = ax.imshow(near, origin="lower", extent=extent, cmap="inferno", norm=norm)
figure.colorbar(image, label="part of the light per pixel")
ax.set(xlabel="arcsec", ylabel="arcsec")
plt.show()

# %%
# A flare
# -------
# A flare is added to the Sun, in a coronal hole. The telescope spreads its light, and the camera adds photon noise.

exposure = Exposure(193, corner=(1700, 2250), shape=(600, 600))
flare = exposure.image(Sun(disk=0, corona=0, sources=(Source(-40, 330, 9000, 4),)))
truth = exposure.image(ActiveSun(193))
truth.data += flare.data

wide = psf[center - 400 : center + 401, center - 400 : center + 401]
spread = fftconvolve(np.pad(truth.data, 400, mode="edge"), wide, mode="valid")
level1 = truth.copy()
level1.data[:] = np.random.default_rng(1).poisson(spread)

# %%
# The deconvolution
# -----------------
# ``deconvolve`` comes before ``register``, since the PSF is that of level-1 pixels.

deconvolved = deconvolve(level1, method="richardson-lucy-accelerated")
images = {"true": truth, "level 1": level1, "deconvolved": deconvolved}
figure = plt.figure(figsize=(10.5, 3.8), layout="constrained")
for number, (title, ccd) in enumerate(images.items(), start=1):
    registered = aia_ccdproc.register(ccd)
    ax = figure.add_subplot(1, 3, number, projection=registered.wcs)
    ax.imshow(np.arcsinh(registered.data / 20), cmap="inferno", vmin=0, vmax=6)
    ax.set_title(title)
    for coordinate, name in zip(ax.coords, ("x", "y"), strict=True):
        coordinate.set_format_unit(u.arcsec)
        coordinate.set_major_formatter("s")
        coordinate.set_axislabel(f"{name} [arcsec]")
plt.show()

# %%
# How much is left
# ----------------
# Pixels of 2.4 arcsec have less noise. They show the error of level 1: in the dark coronal hole, much of the light does
# not come from there. At the edges, the result depends on what is outside of the cutout, which is not known.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
true = aia_ccdproc.register(truth, plate_scale=2.4).data
for ax, title in zip(axes, ("level 1", "deconvolved"), strict=True):
    coarse = aia_ccdproc.register(images[title], plate_scale=2.4)
    percent = 100 * (coarse.data / true - 1)
    image = ax.imshow(percent, origin="lower", cmap="RdBu_r", vmin=-60, vmax=60)
    # The numbers leave out 72 arcsec at each edge.
    inner = np.abs(percent[30:-30, 30:-30])
    median, worst = np.median(inner), inner.max()
    ax.set_title(f"{title}: median error {median:.1f} %, largest {worst:.0f} %")
    ax.set(xticks=[], yticks=[])
figure.colorbar(image, ax=axes, label="error [%]")
plt.show()
