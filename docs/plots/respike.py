"""A region at level 1, and at level 0.5 with the tracks of cosmic rays."""

import matplotlib.pyplot as plt
import numpy as np
import sunpy.visualization.colormaps as colormaps

from aia_ccdproc.synthetic import ActiveSun, Exposure
from aia_ccdproc_respike import Spikes, respike

level1 = Exposure(171, corner=(2500, 1100), shape=(300, 300)).image(ActiveSun(171), noise=1)
level1.data = np.rint(level1.data)

random = np.random.default_rng(4)
start, angle = random.uniform(10, 290, (2, 40)), random.uniform(0, np.pi, 40)
distance = np.arange(6)[:, None] * random.integers(0, 2, 40)  # a point, or a track of 6 pixels
rows = (start[0] + distance * np.sin(angle)).astype(int).ravel()
columns = (start[1] + distance * np.cos(angle)).astype(int).ravel()
pixels, first = np.unique((rows + 1100) * 4096 + columns + 2500, return_index=True)
values = level1.data[rows[first], columns[first]]
level05 = respike(level1, Spikes(pixels, values + 4000, values, "spikes.fits"))

figure, axes = plt.subplots(1, 2, figsize=(8, 4.3), layout="constrained")
figure.get_layout_engine().set(h_pad=0.1)
for ax, image in zip(axes, (level1, level05), strict=True):
    ax.imshow(image.data, origin="lower", cmap=colormaps.cm.sdoaia171, norm="log", vmin=15, vmax=800)
    ax.set(title=f"Level {image.header['LVL_NUM']:g}", xticks=[], yticks=[])
