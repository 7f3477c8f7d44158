"""The counts of a long and a short exposure of one region, and their rates."""

import matplotlib.pyplot as plt
import sunpy.visualization.colormaps as colormaps

import aia_ccdproc
from aia_ccdproc.synthetic import ActiveSun, Exposure

images = []
for time in (2.9, 0.29):
    exposure = Exposure(171, corner=(2400, 1000), shape=(500, 500), exposure_time=time)
    image = exposure.image(ActiveSun(171))
    image.data *= time / 2.9
    images.append(image)
rates = [aia_ccdproc.normalize_exposure(image) for image in images]

figure, axes = plt.subplots(1, 4, figsize=(9.5, 3.0), layout="constrained")
figure.get_layout_engine().set(h_pad=0.1)
for row, shown in ((axes[:2], images), (axes[2:], rates)):
    for ax, image in zip(row, shown, strict=True):
        drawn = ax.imshow(image.data, origin="lower", cmap=colormaps.cm.sdoaia171, norm="log", vmin=3, vmax=1000)
        ax.set(title=f"{image.header['EXPTIME']} s", xticks=[], yticks=[])
    figure.colorbar(drawn, ax=row, location="bottom", label=str(shown[0].unit))
