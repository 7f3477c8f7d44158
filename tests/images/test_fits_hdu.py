"""HDUs that are written block by block: astropy accepts their checksums."""

from __future__ import annotations

import warnings
from io import BytesIO

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aia_ccdproc.images.fits_checksum import copy_big_endian, encode_checksum, fold, sum_words
from aia_ccdproc.images.fits_hdu import Plane, write_hdu
from aia_ccdproc.images.fits_uncompressed import write_uncompressed
from aia_ccdproc.images.pixel_engine import NUMPY_ENGINE

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))
planes = arrays.arrays(np.float32, shapes, elements=st.floats(width=32)) | arrays.arrays(np.uint8, shapes)


@settings(deadline=None)
@given(planes, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_astropy_reads_an_image_and_accepts_its_checksums(image: np.ndarray, text: str) -> None:
    stream, header = BytesIO(), fits.Header({"TEXT": text})
    write_uncompressed(stream, [Plane(image, header), Plane(image, fits.Header(), "COPY")], NUMPY_ENGINE)
    assert len(stream.getvalue()) % 2880 == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(BytesIO(stream.getvalue()), checksum=True) as hdus:
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "COPY"]
            assert all(np.array_equal(hdu.data, image, equal_nan=image.dtype.kind == "f") for hdu in hdus)


def test_an_image_larger_than_a_part_is_written_completely() -> None:
    image = np.arange(700 * 600, dtype=np.float32).reshape(700, 600)
    stream = BytesIO()
    write_uncompressed(stream, [Plane(image, fits.Header())], NUMPY_ENGINE)
    hdu = fits.open(BytesIO(stream.getvalue()))[0]
    assert np.array_equal(hdu.data, image)
    assert hdu.verify_datasum() == hdu.verify_checksum() == 1


@given(st.integers(0, 2**32 - 1))
def test_the_checksum_of_an_encoded_checksum_is_its_complement(total: int) -> None:
    encoded = encode_checksum(total)
    assert encoded.isalnum()
    # In a header, the first of the 16 characters is the last byte of a word.
    words = encoded[1:] + encoded[0]
    zeros = sum_words(b"0" * 16)
    assert fold(total + sum_words(words.encode()) - zeros) in (0, 2**32 - 1)


@given(st.lists(st.binary(max_size=40).filter(lambda data: len(data) % 4 == 0)), st.binary(max_size=7))
def test_a_sum_of_parts_is_the_sum_of_the_whole(parts: list[bytes], rest: bytes) -> None:
    assert fold(sum(map(sum_words, [*parts, rest]))) == fold(sum_words(b"".join([*parts, rest])))


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65])
def test_words_are_copied_in_the_byte_order_of_fits(size: int) -> None:
    words = np.random.default_rng(size).integers(0, 2**32, size, dtype=np.uint32)
    copied = np.zeros_like(words)
    assert copy_big_endian(words, copied) == sum(words.tolist())
    assert copied.tobytes() == words.astype(">u4").tobytes()


def test_data_in_several_parts_are_completed_to_a_fits_block() -> None:
    stream = BytesIO()
    stream.write(b"before")
    header = fits.ImageHDU(np.zeros(1001, np.uint8)).header
    write_hdu(stream, header, [(bytes([1]) * 1000, sum_words(bytes([1]) * 1000)), (b"\2", sum_words(b"\2"))])
    raw = stream.getvalue()
    assert raw[:6] == b"before"
    assert len(raw) == 6 + 2 * 2880
    assert raw[6 + 2880 :] == bytes([1]) * 1000 + b"\2" + bytes(1879)
