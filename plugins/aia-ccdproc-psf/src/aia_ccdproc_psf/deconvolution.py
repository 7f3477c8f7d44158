"""The function `deconvolve`, which removes from an image the light that the telescope scattered."""

from __future__ import annotations

import copy
import os
from typing import Any, Literal

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData, NDUncertainty, StdDevUncertainty

from aia_ccdproc.images import complete_header, finite_number, printable, with_header, without_statistics
from aia_ccdproc.plugin import accepts_maps, warn_user
from aia_ccdproc_psf.camera import check_level1
from aia_ccdproc_psf.device import Device, WholeConvolution, cuda_device
from aia_ccdproc_psf.fourier import Convolution, Convolver
from aia_ccdproc_psf.methods import Solution, solve
from aia_ccdproc_psf.noise import filtered_sigma, monte_carlo_sigma
from aia_ccdproc_psf.observation import Observation
from aia_ccdproc_psf.optics import Optics, find_optics
from aia_ccdproc_psf.planes import Planes
from aia_ccdproc_psf.settings import DeconvolutionSettings

__all__ = ["deconvolve"]

#: Values of UNCPROP.
_PROPAGATION = {"propagate": "linear filter", "monte-carlo": "Monte Carlo, {} realizations", "none": "dropped"}


@accepts_maps
def deconvolve(
    ccd: CCDData,
    *,
    psf: str | os.PathLike[str] | np.ndarray = "grigis2012",
    method: Literal["richardson-lucy", "richardson-lucy-accelerated", "bid"] = "richardson-lucy",
    iterations: int | None = None,
    tolerance: float | None = None,
    clip_negative: bool = True,
    saturation: float = 15000.0,
    surroundings: Literal["uniform", "dark", "periodic"] = "uniform",
    uncertainty: Literal["propagate", "monte-carlo", "none"] = "propagate",
    realizations: int = 20,
    device: Literal["cpu", "cuda"] = "cpu",
) -> CCDData:
    """Remove the light that the telescope scattered and diffracted from a level-1 image.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image of AIA in DN, full frame or cutout, shape ``(ny, nx)``; not changed.
    psf : {"grigis2012", "grigis2012-preflight"}, path-like or `~numpy.ndarray`
        Point spread function: a model, as in `point_spread_function`; the path of a FITS file; or an array. Its center
        is the pixel ``(n // 2, m // 2)``, and its sum is 1.
    method : {"richardson-lucy", "richardson-lucy-accelerated", "bid"}
        Method of the deconvolution.
    iterations : int, optional
        Number of iterations, or the largest number if ``tolerance`` is given. By default 25 for Richardson-Lucy, and 10
        for the other methods.
    tolerance : float, optional
        Stop when an iteration changes the reduced chi-square by less than this.
    clip_negative : bool
        Set negative counts to zero, and keep the result from becoming negative.
    saturation : float
        Pixels with this value or more, in DN, are saturated.
    surroundings : {"uniform", "dark", "periodic"}
        Light from outside of the image: of a uniform brightness that is fitted; none; or that of the opposite border.
    uncertainty : {"propagate", "monte-carlo", "none"}
        How the uncertainty of the result is computed. ``"none"`` drops it, with a warning.
    realizations : int
        Number of realizations of the noise for ``"monte-carlo"``.
    device : {"cpu", "cuda"}
        Processor.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image in DN, float32. Pixels that are masked or not finite have no weight, and saturated pixels count as a
        lower limit. They contain what the model expects, they are masked, and their uncertainty is NaN. PSFMODEL,
        PSFMETH, PSFITER, PSFCHI2, PSFFILL and PSFOUTER in the header record the deconvolution.

    Raises
    ------
    InstrumentError
        If the image was not taken by AIA, or if the model has no point spread function of its channel.
    SettingsError
        If a setting has a wrong value, or if no graphics processor can be used.
    StateError
        If the image is deconvolved, not in DN, registered, resampled or rotated, or has no good pixel.
    HeaderError
        If WAVELNTH, IMSCL_MP, INST_ROT or SAT_ROT is missing.
    ReadError
        If the file with the point spread function cannot be read.

    Notes
    -----
    Richardson, W. H. 1972, JOSA 62, 55; Lucy, L. B. 1974, AJ 79, 745; Biggs, D. S. C., and Andrews, M. 1997, Applied
    Optics 36, 1766; Hofmeister, S. J. 2024, Solar Physics 299, 77.
    """
    settings = DeconvolutionSettings.of(
        psf=psf,
        method=method,
        iterations=iterations,
        tolerance=tolerance,
        clip_negative=clip_negative,
        saturation=saturation,
        surroundings=surroundings,
        uncertainty=uncertainty,
        realizations=realizations,
        device=device,
    )
    header = complete_header(ccd)
    check_level1(ccd, header)
    channel = round(finite_number(header, "WAVELNTH"))
    optics = find_optics(settings.psf, channel, ccd.shape, periodic=settings.surroundings == "periodic")
    planes = Planes.of(ccd, settings)
    work = _Deconvolution(settings, optics, planes)
    solution, brightness = work.solution()

    result = with_header(ccd, without_statistics(header))
    result.flags = copy.deepcopy(ccd.flags)
    result.data = solution.image
    filled = planes.filled
    result.mask = filled if filled.any() or ccd.mask is not None else None
    result.uncertainty = _uncertainty(ccd, work, solution)
    _record(result.header, work, solution, brightness)
    if ccd.uncertainty is not None:
        kept = _PROPAGATION[settings.uncertainty].format(settings.realizations)
        kept = "dropped" if result.uncertainty is None else kept
        result.header["UNCPROP"] = (kept, "Uncertainty after deconvolution")
    if result.psf is not None:
        warn_user("the psf of the image is dropped: it is not that of the deconvolved image")
        result.psf = None
    return result


class _Deconvolution:
    """Deconvolution of images with the same pixels masked: the image, and realizations of its noise."""

    def __init__(self, settings: DeconvolutionSettings, optics: Optics, planes: Planes) -> None:
        self.settings = settings
        self.optics = optics
        self.planes = planes
        self.device: Device | None = cuda_device() if settings.device == "cuda" else None
        self._observation = self._observe()

    def _put(self, array: np.ndarray | None) -> Any:
        return self.device.put(array) if self.device and array is not None else array

    def _observe(self) -> Observation:
        planes, optics = self.planes, self.optics
        shape = planes.counts.shape
        convolver: Convolver
        if self.device is None:
            convolver = Convolution(optics.otf, optics.padded, shape)
        else:
            convolver = WholeConvolution(self.device.xp, self._put(optics.otf), optics.padded, shape)
        variance = None
        if planes.sigma is not None:
            variance = np.where(planes.sigma > 0, planes.sigma**2, np.float32(1))
        return Observation(
            self.device.xp if self.device else np,
            convolver,
            self._put(planes.counts),
            self._put(planes.bad),
            self._put(planes.saturated),
            self._put(variance),
            self.settings.clip_negative,
            planes.edge_brightness() if self.settings.surroundings == "uniform" else 0.0,
        )

    def solution(self, counts: np.ndarray | None = None) -> tuple[Solution, float | None]:
        """Deconvolve the image, or other counts of the same pixels.

        Parameters
        ----------
        counts : `~numpy.ndarray`, optional
            Other counts, shape ``(ny, nx)``.

        Returns
        -------
        solution : `~aia_ccdproc_psf.methods.Solution`
            The deconvolved image, as `numpy.ndarray`.
        brightness : float or None
            Brightness of the surroundings; None if they are dark.
        """
        known = copy.copy(self._observation)
        known.surroundings = copy.copy(known.surroundings)
        if counts is not None:
            known.counts = self._put(counts)
        settings = self.settings
        solution = solve(settings.method, known, self._first_estimate(known), settings.iterations, settings.tolerance)
        image = self.device.get(solution.image) if self.device else solution.image
        return solution._replace(image=image), None if known.surroundings is None else known.surroundings.brightness

    def _first_estimate(self, known: Observation) -> Any:
        """Return the counts, and for bad pixels the mean of good pixels near them, weighted by the PSF."""
        xp = known.xp
        if known.bad is None:
            return known.limited(known.counts) if known.positive else xp.asarray(known.counts, copy=True)
        weights = xp.where(known.bad, xp.zeros_like(known.counts), xp.ones_like(known.counts))
        near = known.convolved(known.counts * weights)
        weight = known.convolved(weights)
        mean = near / xp.where(weight > 1e-3, weight, xp.ones_like(weight))
        return known.limited(xp.where(known.bad, mean, known.counts))


def _uncertainty(ccd: CCDData, work: _Deconvolution, solution: Solution) -> NDUncertainty | None:
    """Return the uncertainty of the result, of the same type as that of the image; None if it is dropped."""
    if ccd.uncertainty is None:
        return None
    planes, settings = work.planes, work.settings
    if settings.uncertainty == "none" or planes.sigma is None:
        reason = "as uncertainty = 'none'" if planes.sigma is not None else "as its type is not known"
        warn_user(f"the uncertainty of the image is dropped, {reason}")
        return None
    if settings.uncertainty == "monte-carlo":
        sigma = monte_carlo_sigma(
            planes.counts, planes.sigma, settings.realizations, lambda counts: work.solution(counts)[0].image
        )
    else:
        optics = work.optics
        sigma = filtered_sigma(
            planes.sigma,
            optics.otf,
            optics.padded,
            accelerations=solution.accelerations,
            basic=settings.method == "bid",
        )
    sigma[planes.filled] = np.nan
    return StdDevUncertainty(sigma, unit=ccd.unit).represent_as(type(ccd.uncertainty))


def _record(header: fits.Header, work: _Deconvolution, solution: Solution, brightness: float | None) -> None:
    """Add the keywords that record the deconvolution."""
    settings = work.settings
    filled = int(np.count_nonzero(work.planes.filled))
    header["PSFMODEL"] = (printable(work.optics.name), "Point spread function")
    header["PSFMETH"] = (settings.method, "Method of deconvolution")
    header["PSFITER"] = (len(solution.accelerations), "Iterations")
    header["PSFCHI2"] = (round(solution.chi_square, 6), "Reduced chi-square before the last iteration")
    header["PSFFILL"] = (filled, "Masked or saturated pixels, filled by model")
    outer = "periodic" if settings.surroundings == "periodic" else round(brightness or 0.0, 4)
    header["PSFOUTER"] = (outer, "[DN] Brightness of the surroundings")
    header.remove("UNCPROP", ignore_missing=True)
