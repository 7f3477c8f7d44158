"""
A batch and its report
======================

A batch processes many files with one recipe. A file that fails does not stop the others. The report shows a picture of
each file, and what was corrected.
"""

import html
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import aia_ccdproc
from aia_ccdproc.synthetic import ActiveSun, Exposure

# %%
# A folder of files
# -----------------
# Six channels, and a file that was not downloaded completely.

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
(folder / "level1").mkdir()
for channel in (131, 171, 193, 211, 304, 1600):
    exposure = Exposure(channel, binning=8, roll=0.3 * (channel % 7), exposure_time=2.0)
    image = exposure.image(ActiveSun(channel), noise=1)
    exposure.write_level1(image, folder / f"level1/aia_{channel}_level1.fits")
incomplete = (folder / "level1/aia_171_level1.fits").read_bytes()[:20000]
(folder / "level1/aia_335_level1.fits").write_bytes(incomplete)

# %%
# The batch
# ---------
# The pointing is that of the headers. The result of each file says what happened to it.

results = aia_ccdproc.run(
    folder / "level1",
    "level1.5-header",
    folder / "level15",
    report=folder / "report.html",
    quicklook=True,
)
for result in results:
    print(f"{result.path.name:21} {result.status}")

# %%
# The pictures
# ------------
# ``quicklook=True`` draws a picture of each output: its coordinates, a grid and the limb.

figure, axes = plt.subplots(2, 3, figsize=(9.5, 6.6), layout="constrained")
for ax, picture in zip(axes.flat, sorted(folder.glob("level15/*.png")), strict=True):
    ax.imshow(plt.imread(picture))
for ax in axes.flat:
    ax.set_axis_off()
plt.show()

# %%
# The report
# ----------
# This is the page ``report.html``, one file that contains its pictures:


class Page:
    """A page that a notebook shows in a frame."""

    def __init__(self, path):
        self.text = path.read_text(encoding="utf-8")

    def _repr_html_(self):
        style = "width: 100%; height: 700px; border: 1px solid gray"
        return f'<iframe srcdoc="{html.escape(self.text)}" style="{style}"></iframe>'


page = Page(folder / "report.html")
temporary.cleanup()
page
