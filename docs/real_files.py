"""Examples of the gallery that process real files in place of synthetic exposures: ``make real-gallery``."""

import shutil
from pathlib import Path

__all__ = ["REPLACEMENTS", "write_examples"]

_FULL_DISK = "aia_level1/aia.lev1_euv_12s.2017-08-07T235946Z.171.image_lev1.fits"
_CUTOUT = "aia_level1/aia.lev1_euv_12s.2013-03-10T120012Z.171.cutout.fits"
_OTHER_CUTOUT = "aia_level1/aia.lev1_euv_12s_mod.2021-06-28T232159Z.171.cutout.fits"
_REBINNED, _HMI = "aia_level1/aia_171_level1.rebinned_128.fits", "other_instruments/resampled_hmi.fits"
_ERROR_TABLE = "response/aia_V3_error_table.txt"
_RESPONSE_TABLE = "response/aia_V10_20201119_190000_response_table.txt"

#: For each example, texts and what replaces them. ``DATA/`` is the folder with the files. Where the truth is not known,
#: the level-1 image takes its place. Examples that are not listed stay synthetic.
REPLACEMENTS = {
    "plot_01_one_image.py": {
        "level1 = exposure.image(sun, noise=1)": f'level1 = aia_ccdproc.read("DATA/{_CUTOUT}")',
        "source=builtin_pointing_path()": 'source="header"',
        "for title, ccd in images.items():": "for title, ccd in ():",
    },
    "plot_03_hmi_on_aia.py": {
        "aia = exposure.image(ActiveSun(171), noise=1)": f'aia = aia_ccdproc.read("DATA/{_REBINNED}")',
        'hmi = observe(magnetic_sun, "MAGNETOGRAM", corner=(1500, 2450), shape=(700, 800))': "hmi = "
        f'aia_ccdproc.read("DATA/{_HMI}")',
        "source=builtin_pointing_path()": 'source="header"',
        "register(pointed, center=CENTER, size=SIZE)": "register(pointed)",
        "center=CENTER, size=SIZE)\nprint": "target=aia15)\nprint",
        "plt.Normalize(-500, 500)": "plt.Normalize()",
        "levels=[-100, 100]": "levels=[20000, 40000]",
    },
    "plot_05_noise.py": {
        "level1 = observe(seed=1)": f'level1 = aia_ccdproc.read("DATA/{_CUTOUT}")',
        "estimate_uncertainty(level1, table=table)": f'estimate_uncertainty(level1, table="DATA/{_ERROR_TABLE}")',
        "estimate_uncertainty(observe(seed=2), table=table)": "noisy",
    },
    "plot_06_scattered_light.py": {
        "point_spread_function(193)": "point_spread_function(171)",
        "level1 = truth.copy()": f'level1 = truth = aia_ccdproc.read("DATA/{_OTHER_CUTOUT}")',
        "level1.data[:] = np.random.default_rng(1).poisson(spread)\n": "",
    },
    "plot_07_degradation.py": {
        "table = vstack(parts)": f'table = "DATA/{_RESPONSE_TABLE}"',
    },
    "plot_08_custom_step.py": {
        "Exposure(193, binning=4).image(ActiveSun(193), noise=1)": f'aia_ccdproc.read("DATA/{_FULL_DISK}")',
    },
    "plot_09_batch_report.py": {
        "for channel in (131, 171, 193, 211, 304, 1600):": 'for path in Path("DATA/aia_level1").glob("*.fits"):\n'
        "    (folder / 'level1' / path.name).symlink_to(path)\nfor channel in [171]:",
        "(2, 3, figsize": "(2, 4, figsize",
        'level15/*.png")), strict=True': 'level15/*.png")), strict=False',
    },
}


def write_examples(source, target, data):
    """Write the examples for real files, and return their folder.

    Parameters
    ----------
    source : `~pathlib.Path`
        Folder with the examples.
    target : `~pathlib.Path`
        Folder for the changed examples; replaced.
    data : path-like
        Folder with the real files.
    """
    if not Path(data).is_dir():
        raise FileNotFoundError(f"{data}: no such folder. Name the folder of the real files: GALLERY_DATA=...")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    for name, replacements in REPLACEMENTS.items():
        text = (target / name).read_text(encoding="utf-8")
        for old, new in replacements.items():
            if text.count(old) != 1:
                raise ValueError(f"{name} contains {old!r} {text.count(old)} times, not once. Correct REPLACEMENTS")
            text = text.replace(old, new.replace("DATA", str(data)))
        (target / name).write_text(text, encoding="utf-8")
    return target
