"""Tests of transfer functions, and of convolution on the CPU and by the array API."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve2d

from aia_ccdproc_psf import optical_transfer_function, point_spread_function
from aia_ccdproc_psf.device import WholeConvolution
from aia_ccdproc_psf.fourier import Convolution, padded_shape, transfer


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
    padded = padded_shape(shape, kernel.shape)
    otf = transfer(kernel, padded)
    convolver = Convolution(otf, padded, shape) if kind == "blocks" else WholeConvolution(np, otf, padded, shape)
    np.testing.assert_allclose(applied(convolver, image), convolve2d(image, kernel, mode="same"), atol=1e-5)
    turned = convolve2d(image, kernel[::-1, ::-1], mode="same")
    np.testing.assert_allclose(applied(convolver, image, adjoint=True), turned, atol=1e-5)


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
    assert padded_shape((4096, 4096), (2501, 2501)) == (5400, 5400)
    assert padded_shape((500, 300), (2501, 2501)) == (1000, 600)
