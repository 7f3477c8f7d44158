"""Tests of transfer functions, and of convolution on the CPU and by the array API."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve2d

from aia_ccdproc_psf import optical_transfer_function, point_spread_function
from aia_ccdproc_psf.device import WholeConvolution
from aia_ccdproc_psf.fourier import Convolution, padded_shape, transfer
from aia_ccdproc_psf.surroundings import uniform_image


def applied(convolver, image, **options):
    result = np.empty_like(image)

    def store(rows, values):
        result[rows] = values

    convolver.load(lambda rows: image[rows])
    convolver.convolve(**options)
    convolver.process(store)
    return result


@pytest.fixture
def kernel():
    """A kernel that is not symmetric."""
    values = np.random.default_rng(5).random((9, 13)).astype(np.float32)
    return values / values.sum()


@pytest.mark.parametrize("shape", [(150, 97), (64, 64), (5, 200), (1, 1), (67, 33)])
@pytest.mark.parametrize("kind", ["blocks", "whole"])
def test_convolution_is_that_of_the_definition_without_wrap_around(kernel, shape, kind):
    image = np.random.default_rng(6).random(shape, dtype=np.float32)
    padded = padded_shape(shape, kernel)
    otf = transfer(kernel, padded)
    convolver = Convolution(otf, padded, shape) if kind == "blocks" else WholeConvolution(np, otf, padded, shape)
    np.testing.assert_allclose(applied(convolver, image), convolve2d(image, kernel, mode="same"), atol=1e-5)
    turned = convolve2d(image, kernel[::-1, ::-1], mode="same")
    np.testing.assert_allclose(applied(convolver, image, adjoint=True), turned, atol=1e-5)


@pytest.mark.parametrize("shape", [(67, 33), (64, 40), (150, 7), (1, 1)])
@pytest.mark.parametrize("symmetric", [True, False])
def test_uniform_image_of_which_one_half_is_stored_is_the_whole(kernel, shape, symmetric):
    if symmetric:
        kernel = (kernel + kernel[::-1, ::-1]) / 2
    padded = padded_shape(shape, kernel)
    uniform = uniform_image(np, Convolution(transfer(kernel, padded), padded, shape), np.zeros(shape, np.float32))
    expected = convolve2d(np.ones(shape), kernel, mode="same")
    np.testing.assert_allclose(uniform.rows[...], expected, atol=1e-5)
    for start in range(0, shape[0], 32):
        rows = slice(start, min(start + 32, shape[0]))
        np.testing.assert_allclose(uniform.rows[rows], expected[rows], atol=1e-5)
    assert uniform.total == pytest.approx(expected.sum(), rel=1e-5)
    assert not uniform.complete


def test_transfer_function_of_a_symmetric_psf_is_real_and_1_at_frequency_0():
    psf = point_spread_function(171, size=512)[1:, 1:]  # the first row and column have no opposite
    otf = optical_transfer_function(psf / psf.sum())
    assert (otf.dtype, otf.shape) == (np.float32, (511, 256))
    assert otf[0, 0] == pytest.approx(1, abs=1e-5)
    assert 0.5 < otf.min() <= otf.max() < 1 + 1e-5


def test_transfer_function_is_the_fourier_transform_of_the_psf_about_its_center(kernel):
    psf = np.zeros((16, 16))
    psf[8 - 4 : 8 + 5, 8 - 6 : 8 + 7] = kernel
    psf[8, 8] += 0.2  # the source is at the maximum
    psf /= psf.sum()
    expected = np.fft.rfft2(np.fft.ifftshift(psf))
    np.testing.assert_allclose(optical_transfer_function(psf), expected, atol=1e-6)


def test_padding_separates_opposite_borders_and_has_small_factors():
    flat = np.full((2501, 2501), 2501.0**-2, np.float32)
    assert padded_shape((4096, 4096), flat) == (5400, 5400)
    assert padded_shape((500, 300), flat) == (1000, 600)


def test_padding_is_narrow_where_a_psf_is_faint():
    """The far wings have 0.04 % of the light on each side. Only so much of it wraps around."""
    kernel = np.zeros((101, 101), np.float32)
    kernel[50, 50], kernel[50, 40:61:20], kernel[50, ::100] = 0.9, 0.0496, 0.0004
    image = np.zeros((64, 100), np.float32)
    image[:, 98] = 1000
    padded = padded_shape(image.shape, kernel)
    assert padded == (64, 120)
    convolver = Convolution(transfer(kernel, padded), padded, image.shape)
    wrapped = applied(convolver, image) - convolve2d(image, kernel, mode="same")
    assert np.abs(wrapped).max() == pytest.approx(0.4, rel=1e-3)
