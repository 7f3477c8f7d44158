"""The limb that the header describes, before and after the correction of the pointing."""

import astropy.units as u
import matplotlib.pyplot as plt

import aia_ccdproc
from aia_ccdproc.synthetic import ActiveSun, Exposure, builtin_pointing_path

exposure = Exposure(304, corner=(3480, 2300), shape=(250, 250), pointing_error=(-22, 14))
level1 = exposure.image(ActiveSun(304), noise=1)
pointed = aia_ccdproc.update_pointing(level1, source=builtin_pointing_path())

figure = plt.figure(figsize=(8.5, 4.4))
figure.subplots_adjust(left=0.09, right=0.99, bottom=0.12, top=0.92, wspace=0.2)
for number, (title, ccd) in enumerate({"As delivered": level1, "After update_pointing": pointed}.items(), start=1):
    image = aia_ccdproc.to_map(ccd)
    ax = figure.add_subplot(1, 2, number, projection=image)
    image.plot(axes=ax, title=title, clip_interval=(1, 99) * u.percent)
    image.draw_limb(axes=ax, color="deepskyblue")
    ax.coords[0].set_axislabel("Solar-X")
    ax.coords[1].set_axislabel("Solar-Y" if number == 1 else " ")
