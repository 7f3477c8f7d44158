"""Cubes of the outputs of a batch."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image
from scenes import small_exposure, small_sun

import aia_ccdproc
from aia_ccdproc import HeaderError, ReadError, StateError, WriteError, register, stack, write
from aia_ccdproc.cli.main import main

FIELD = {"center": [0, 0], "size": [60, 48]}
#: Not sorted: the names of the files have another order than the times.
MINUTES = (5, 0, 11, 2)


@pytest.fixture(scope="module")
def registered():
    """A registered image of 100 x 80 pixels."""
    return register(small_exposure().image(small_sun()), **FIELD)


def write_series(image, folder: Path, channel: int = 171, minutes=MINUTES, **cards: object) -> list[Path]:
    """Write images whose pixels are the minute of their time."""
    folder.mkdir(exist_ok=True)
    paths = []
    for minute in minutes:
        time = f"2020-01-01T00:{minute:02}:11.57"
        copy = image.copy()
        copy.data = np.full(image.shape, minute, np.float32)
        copy.header.update({"T_OBS": f"{time}Z", "DATE-OBS": time, "WAVELNTH": channel, "EXPTIME": 2 + minute / 100})
        copy.header.update(cards)
        paths.append(write(copy, folder / f"{channel}_{minute}.fits"))
    return paths


def test_a_cube_is_sorted_by_time(registered, tmp_path: Path):
    write_series(registered, tmp_path)
    (path,) = stack(tmp_path, tmp_path / "cube.fits")
    with fits.open(path) as hdus:
        hdus.verify("exception")
        cube = hdus["PRIMARY"].data
        assert cube.shape == (4, 80, 100)
        np.testing.assert_array_equal(cube[:, 10, 10], [0, 2, 5, 11])
        np.testing.assert_array_equal(cube, np.broadcast_to(cube[:, :1, :1], cube.shape))
        images = hdus["IMAGES"].data
        assert list(images["FILE"]) == ["171_0.fits", "171_2.fits", "171_5.fits", "171_11.fits"]
        np.testing.assert_allclose(images["EXPTIME"], [2, 2.02, 2.05, 2.11])
        np.testing.assert_allclose(hdus["TIMES"].data["TIME"].ravel(), [0, 120, 300, 660], atol=1e-6)


def test_the_wcs_of_a_cube_has_space_and_time(registered, tmp_path: Path):
    pytest.importorskip("sunpy.coordinates")
    write_series(registered, tmp_path)
    (path,) = stack(tmp_path, tmp_path / "cube.fits")
    with fits.open(path) as hdus:
        wcs = WCS(hdus[0].header, fobj=hdus)
        assert wcs.world_axis_physical_types[2] == "time"
        position, time = wcs.pixel_to_world(49.5, 39.5, [0, 1, 2, 3])
        seconds = (time - time[0]).to_value("s")
        np.testing.assert_allclose(seconds, [0, 120, 300, 660], atol=1e-4)
        assert time[0].isot == "2020-01-01T00:00:11.570"
        np.testing.assert_allclose(position.Tx.to_value("arcsec"), 0, atol=1e-9)
        observer = position.observer
        assert observer.radius.to_value("m") == pytest.approx(registered.header["DSUN_OBS"])


def test_ndcube_opens_and_slices_a_cube(registered, tmp_path: Path):
    ndcube = pytest.importorskip("ndcube")
    pytest.importorskip("sunpy.coordinates")
    write_series(registered, tmp_path)
    (path,) = stack(tmp_path, tmp_path / "cube.fits")
    with fits.open(path) as hdus:
        cube = ndcube.NDCube(hdus[0].data, wcs=WCS(hdus[0].header, fobj=hdus), unit=hdus[0].header["BUNIT"])
        (times,) = cube[1:3].axis_world_coords("time")
        assert [time[14:16] for time in times.isot] == ["02", "05"]
        assert cube[3].data[0, 0] == 11


def test_the_header_contains_what_all_images_have_in_common(registered, tmp_path: Path):
    write_series(registered, tmp_path, FSN=17)
    (path,) = stack(tmp_path, tmp_path / "cube.fits")
    header = fits.getheader(path)
    assert {k: header[k] for k in ("FSN", "WAVELNTH", "BUNIT", "LVL_NUM", "CDELT1", "CRPIX1")} == {
        **{"FSN": 17, "WAVELNTH": 171, "BUNIT": "DN", "LVL_NUM": 1.5, "CDELT1": 0.6, "CRPIX1": 50.5}
    }
    assert not {"EXPTIME", "T_OBS", "DATAMEAN", "MISSVALS", "DATE"} & set(header)
    assert (header["DATE-BEG"], header["DATE-END"]) == ("2020-01-01T00:00:11.570", "2020-01-01T00:11:11.570")
    assert "4 images" in "".join(header["HISTORY"])


def test_several_channels_give_several_cubes(registered, tmp_path: Path, capsys):
    for channel in (171, 94):
        write_series(registered, tmp_path / "in", channel, minutes=(0, 1))
    assert main(["stack", str(tmp_path / "in"), "-o", str(tmp_path / "cubes" / "hour.fits")]) == 0
    assert sorted(path.name for path in (tmp_path / "cubes").iterdir()) == ["hour_171.fits", "hour_94.fits"]
    printed = "".join(capsys.readouterr().out.split())
    assert "hour_94.fits:2imagesof100x80pixels,2020-01-01T00:00:11.570to2020-01-01T00:01:11.570" in printed
    assert fits.getheader(tmp_path / "cubes" / "hour_94.fits")["WAVELNTH"] == 94


def test_cubes_in_the_folder_of_the_inputs_are_not_inputs(registered, tmp_path: Path):
    write_series(registered, tmp_path, minutes=(0, 1))
    first = stack(tmp_path, tmp_path / "cube.fits")
    with pytest.raises(WriteError, match=r"cube\.fits already exists"):
        stack(tmp_path, tmp_path / "cube.fits")
    assert stack(tmp_path, tmp_path / "cube.fits", overwrite=True) == first


def test_masked_pixels_are_nan(registered, tmp_path: Path):
    image = registered.copy()
    image.mask = np.zeros(image.shape, bool)
    image.mask[3, 4] = True
    write_series(image, tmp_path, minutes=(1, 2))
    (path,) = stack(tmp_path, tmp_path / "cube.fits")
    cube = fits.getdata(path)
    assert np.isnan(cube[:, 3, 4]).all()
    assert np.isnan(cube).sum() == 2


def test_a_moving_field_of_view_keeps_the_position_of_each_image(tmp_path: Path):
    pytest.importorskip("sunpy")
    for hour in (0, 6):
        image = small_exposure(channel=171, time=f"2020-01-01T{hour:02}:00:11").image(small_sun())
        write(register(image, center=[0, 0], size=[30, 20], track="2020-01-01"), tmp_path / f"{hour}.fits")
    (path,) = stack(tmp_path, tmp_path / "cube.fits")
    images = fits.getdata(path, "IMAGES")
    assert 50 < images["XCEN"][1] - images["XCEN"][0] < 65
    assert images["CRPIX1"][0] - images["CRPIX1"][1] == pytest.approx(
        (images["XCEN"][1] - images["XCEN"][0]) / 0.6, 1e-5
    )
    assert "the field of view moves" in "".join(fits.getheader(path)["HISTORY"])


def test_images_that_do_not_fit_are_refused(registered, tmp_path: Path):
    (path, *_) = write_series(registered, tmp_path / "in", minutes=(0, 1))
    other = register(small_exposure(channel=171).image(small_sun()), center=[0, 0], size=[60, 60])
    different = write(other, tmp_path / "other.fits")
    with pytest.raises(
        StateError, match=r"100 x 100 pixels of 0.6 arcsec in DN, and 171_0.fits has 100 x 80.*one grid"
    ):
        stack([path, different], tmp_path / "cube.fits")
    with pytest.raises(StateError, match=r"have the same time, 2020-01-01T00:00:11\.570"):
        stack([path, Path(aia_ccdproc.write(aia_ccdproc.read(path), tmp_path / "copy.fits"))], tmp_path / "cube.fits")
    with pytest.raises(WriteError, match=r"cannot write this format. Name the output \.fits, \.zarr, \.gif"):
        stack(path, tmp_path / "cube.fits.gz")
    with pytest.raises(WriteError, match=r"171_0\.fits is one of the images"):
        stack(path, path, overwrite=True)
    with pytest.raises(ReadError, match=r"missing\.fits"):
        stack(tmp_path / "missing.fits", tmp_path / "cube.fits")
    rate = aia_ccdproc.normalize_exposure(aia_ccdproc.read(path))
    with pytest.raises(StateError, match=r"171_0.fits has .* in DN\. Images.*one unit"):
        stack([path, write(rate, tmp_path / "rate.fits")], tmp_path / "cube.fits")
    nameless = registered.copy()
    del nameless.header["WAVELNTH"], nameless.header["INSTRUME"]
    with pytest.raises(HeaderError, match="WAVELNTH and INSTRUME are missing"):
        stack(write(nameless, tmp_path / "nameless.fits"), tmp_path / "cube.fits")
    assert not (tmp_path / "cube.fits").exists()


def test_a_zarr_group_has_one_chunk_for_each_image(registered, tmp_path: Path, capsys):
    zarr = pytest.importorskip("zarr")
    image = registered.copy()
    image.mask = np.zeros(image.shape, bool)
    image.mask[3, 4] = True
    write_series(image, tmp_path / "in")
    for extra in ([], ["--overwrite"]):
        assert main(["stack", str(tmp_path / "in"), "-o", str(tmp_path / "cube.zarr"), *extra]) == 0
    assert "4imagesof100x80pixels" in "".join(capsys.readouterr().out.split())
    group = zarr.open_group(tmp_path / "cube.zarr", mode="r")
    data = group["data"]
    assert (data.shape, data.chunks, data.dtype) == ((4, 80, 100), (1, 80, 100), np.dtype("float32"))
    np.testing.assert_array_equal(data[:, 10, 10], [0, 2, 5, 11])
    assert np.isnan(data[:]).sum() == 4
    assert data.metadata.dimension_names == ("time", "y", "x")
    np.testing.assert_allclose(group["time"][:], [0, 120, 300, 660], atol=1e-6)
    assert group["time"].attrs["units"] == "seconds since 2020-01-01T00:00:11.570"
    np.testing.assert_allclose(group["x"][:], (np.arange(100) - 49.5) * 0.6)
    np.testing.assert_allclose(group["EXPTIME"][:], [2, 2.02, 2.05, 2.11])
    header = fits.Header.fromstring(group.attrs["header"], sep="\n")
    assert (header["WAVELNTH"], header["CTYPE3"]) == (171, "UTC--TAB")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_zarr_may_be_missing(registered, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(WriteError, match=r"pip install \"aia-ccdproc\[zarr\]\""):
        stack(write_series(registered, tmp_path), tmp_path / "cube.zarr")


def test_a_movie_has_a_picture_for_each_image(registered, tmp_path: Path):
    """The images are the same, with other exposure times: the pictures differ only in their captions."""
    (tmp_path / "in").mkdir()
    for minute in (3, 1, 2):
        image = registered.copy()
        image.data = registered.data * minute
        image.data[40:, 60:] = 0
        time = f"2020-01-01T00:{minute:02}:11.57"
        image.header.update({"T_OBS": time, "DATE-OBS": time, "WAVELNTH": 171, "EXPTIME": float(minute)})
        write(image, tmp_path / "in" / f"{minute}.fits")
    (path,) = stack(tmp_path / "in", tmp_path / "movie.gif")
    with Image.open(path) as movie:
        assert (movie.size, movie.n_frames) == ((100, 80), 3)
        pictures = []
        for index in range(3):
            movie.seek(index)
            pictures.append(np.array(movie.convert("RGB")))
    no_caption = slice(0, 60)
    np.testing.assert_array_equal(pictures[0][no_caption], pictures[1][no_caption])
    np.testing.assert_array_equal(pictures[0][no_caption], pictures[2][no_caption])
    assert (pictures[0] != pictures[1]).any()
    assert pictures[0][10, 80].sum() < pictures[0][10, 20].sum()  # the dark corner: right above


def test_the_memory_does_not_depend_on_the_number_of_images(tmp_path: Path):
    """16 images need less than one image more than 4 images."""
    image = register(small_exposure().image(small_sun()))
    write_series(image, tmp_path, minutes=range(16))
    stack(tmp_path / "171_0.fits", tmp_path / "warm.fits")
    peaks = []
    for count in (4, 16):
        tracemalloc.start()
        stack([tmp_path / f"171_{minute}.fits" for minute in range(count)], tmp_path / f"cube{count}.fits")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < image.data.nbytes
    assert (tmp_path / "cube16.fits").stat().st_size > 16 * image.data.nbytes
