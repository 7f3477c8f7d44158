"""
All channels on one grid
========================

Each channel of AIA has its own center, plate scale and roll angle. At level 1, the same pixel of two channels shows
different places on the Sun. At level 1.5 it shows the same place.
"""

# sphinx_gallery_thumbnail_number = 2
import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
import sunpy.visualization.colormaps  # noqa: F401  adds the colors of AIA
from astropy.visualization import AsinhStretch, ImageNormalize

import aia_ccdproc
from aia_ccdproc.synthetic import ActiveSun, Exposure, builtin_pointing_path

# %%
# The Sun in ten channels
# -----------------------
# These exposures have the correct pointing in their headers. They are binned to 512 x 512 pixels to save time.

CHANNELS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500)
figure, axes = plt.subplots(2, 5, figsize=(9.5, 4.2), layout="constrained")
for ax, channel in zip(axes.flat, CHANNELS, strict=True):
    level15 = aia_ccdproc.register(
        Exposure(channel, binning=8).image(ActiveSun(channel), noise=1)
    )
    norm = ImageNormalize(
        vmin=0, vmax=np.nanpercentile(level15.data, 99.8), stretch=AsinhStretch(0.05)
    )
    ax.imshow(level15.data, origin="lower", cmap=f"sdoaia{channel}", norm=norm)
    ax.set_title(f"{channel} Å")
    ax.set_axis_off()
plt.show()

# %%
# Three channels, before and after
# --------------------------------
# Three cutouts of 0.6 arcsec per pixel have the same corner on the camera. Their headers are wrong by some pixels.
# The built-in pointing table has a record for each of the EUV channels.

ERRORS = {211: (5.0, -3.0), 193: (-4.0, 6.0), 171: (-6.4, 4.1)}
CORNER = (3050, 1250)
level1, level15 = {}, {}
for channel, error in ERRORS.items():
    exposure = Exposure(channel, corner=CORNER, shape=(800, 800), pointing_error=error)
    image = exposure.image(ActiveSun(channel), noise=1)
    pointed = aia_ccdproc.update_pointing(image, source=builtin_pointing_path())
    registered = aia_ccdproc.register(pointed, center=[835, -220], size=[420, 420])
    print(channel, "CRPIX", image.wcs.wcs.crpix.round(2), registered.wcs.wcs.crpix)
    level1[channel], level15[channel] = image, registered

# %%
# Three channels become the red, green and blue of one picture: 211, 193 and 171 angstrom. At level 1, the colors of a
# feature are beside each other. At level 1.5 they agree.


def composite(images):
    """Make a picture with the colors red, green and blue from three images."""
    levels = [ccd.data / np.median(ccd.data) for ccd in images]
    return (np.arcsinh(np.stack(levels, axis=-1)) / np.arcsinh(12)).clip(0, 1)


figure = plt.figure(figsize=(9.5, 4.9), layout="constrained")
levels = {"Level 1": level1, "Level 1.5": level15}
for number, (title, images) in enumerate(levels.items(), start=1):
    ax = figure.add_subplot(1, 2, number, projection=images[171].wcs)
    ax.imshow(composite(images.values()))
    ax.set_title(title)
    for coordinate, name in zip(ax.coords, ("x", "y"), strict=True):
        coordinate.set_format_unit(u.arcsec)
        coordinate.set_major_formatter("s")
        coordinate.set_axislabel(f"Helioprojective {name} [arcsec]")
plt.show()
