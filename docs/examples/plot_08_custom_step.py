"""
A step of your own
==================

A step is a function that takes an image and returns a new one. A plugin makes it a part of recipes. The one on this
page makes the corona beyond the limb visible: it divides the brightness by its mean at the same height [M06]_.
"""

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np

import aia_ccdproc
from aia_ccdproc.plugin import Plugin, StepSettings, hookimpl, hookspec, step
from aia_ccdproc.synthetic import ActiveSun, Exposure

# %%
# The function
# ------------
# The result is a copy of the image, so that unit, mask, WCS and header stay.


def flatten_corona(ccd):
    """Divide the brightness by its mean at the same distance from the center of the Sun."""
    result = ccd.copy()
    y, x = np.indices(ccd.shape)
    radius = np.hypot(
        x + 1 - ccd.wcs.wcs.crpix[0], y + 1 - ccd.wcs.wcs.crpix[1]
    ).astype(int)
    good = np.isfinite(ccd.data)
    total = np.bincount(radius[good], ccd.data[good], minlength=radius.max() + 1)
    count = np.bincount(radius[good], minlength=radius.max() + 1)
    result.data = (ccd.data / (total / np.maximum(count, 1))[radius]).astype(np.float32)
    return result


# %%
# The plugin
# ----------
# The step is declared, with its place in a recipe, and implemented. These ten lines are the whole plugin.


class Declarations:
    @step(settings=StepSettings, after=["register"])
    @hookspec(firstresult=True)
    def prep_flatten_corona(self, ccd, instrument, settings):
        """Divide the brightness by its mean at the same distance from the center of the Sun."""


class Implementation:
    @hookimpl
    def prep_flatten_corona(self, ccd, instrument, settings):
        return flatten_corona(ccd)


# %%
# A distribution names the module with these hooks as an entry point (:doc:`/plugins`). To try a step in a notebook, add
# it once to the plugin manager:

manager = aia_ccdproc.get_plugin_manager()
manager.add_hookspecs(Declarations)
manager.add(Implementation(), Plugin("corona", "my-plugin", "0.1"))

# %%
# A recipe with the step
# ----------------------

recipe = aia_ccdproc.Recipe.from_toml(
    """
    name = "corona"

    [[step]]
    use = "register"

    [[step]]
    use = "flatten_corona"
    """
)
level1 = Exposure(193, binning=4).image(ActiveSun(193), noise=1)
level15 = aia_ccdproc.register(level1)
corona = aia_ccdproc.prep(level1, recipe)
print("\n".join(corona.header["HISTORY"]))

# %%
# The result
# ----------

figure = plt.figure(figsize=(9.5, 4.7), layout="constrained")
images = {"Level 1.5": level15, "With the new step": corona}
for number, (title, ccd) in enumerate(images.items(), start=1):
    image = aia_ccdproc.to_map(ccd)
    ax = figure.add_subplot(1, 2, number, projection=image)
    image.plot(axes=ax, title=title, clip_interval=(1, 99.7) * u.percent)
plt.show()

# %%
# .. [M06] Morgan, H., Habbal, S. R., and Woo, R. 2006, Solar Physics, 236, 263: a filter of this
#    kind, which also divides by the standard deviation.
