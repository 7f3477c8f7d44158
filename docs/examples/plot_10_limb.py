"""
Check the pointing by the limb
==============================

The header says where the center of the Sun is. The plugin aia-ccdproc-limb measures it in the pixels: it fits a circle
to the limb, and warns if the two do not agree (:doc:`/limb`).
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy.visualization import AsinhStretch, ImageNormalize
from matplotlib.patches import Circle

from aia_ccdproc.synthetic import ActiveSun, Exposure
from aia_ccdproc_limb import find_limb, measure_limb

# %%
# Three channels
# --------------
# The headers of these exposures are wrong by (20, -12) pixels of the camera, which are (12, -7) arcsec. LIMB_X and
# LIMB_Y show it, in arcsec. The brightness rises at the limb of a coronal channel, and falls at the others. So the
# radius depends on the channel: the corona begins some 5 Mm above the photosphere.

images = {}
for channel in (193, 304, 1700):
    exposure = Exposure(channel, binning=4, pointing_error=(20.0, -12.0))
    images[channel] = exposure.image(ActiveSun(channel), noise=1)
    header = measure_limb(images[channel]).header
    values = [
        f"{header[key]:8.2f}" for key in ("LIMB_X", "LIMB_Y", "LIMB_R", "LIMB_XE")
    ]
    print(f"{channel:4d}", *values)

# %%
# The circle that was fitted, and that of the header (dashed), at the east limb:

figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for ax, (channel, image) in zip(axes, images.items(), strict=True):
    found, radius = find_limb(image), image.header["R_SUN"]
    norm = ImageNormalize(
        vmax=np.percentile(image.data, 99.7), stretch=AsinhStretch(0.1)
    )
    ax.imshow(image.data, origin="lower", cmap="gray", norm=norm)
    expected = image.wcs.wcs.crpix - 1
    ax.add_patch(Circle(expected, radius, fill=False, color="orange", linestyle="--"))
    center = (found.column, found.row)
    ax.add_patch(Circle(center, found.radius, fill=False, color="deepskyblue"))
    left, row = found.column - found.radius, found.row - 60
    ax.set(xlim=(left - 30, left + 60), ylim=(row - 45, row + 45))
    ax.set(title=f"{channel} Å", xlabel="x [pix]", ylabel="y [pix]")
plt.show()

# %%
# In a recipe, the step checks every file of a batch. ``check`` is the largest distance in arcsec:
#
# .. code-block:: toml
#
#    [[step]]
#    use = "measure_limb"
#    check = 1.0
#    on_failure = "fail"
