"""Copies of a header without some of its cards, made in one pass."""

from __future__ import annotations

import copy
from collections.abc import Callable

from astropy.io import fits

__all__ = ["without_cards"]


def without_cards(header: fits.Header, *is_dropped: Callable[[fits.Card], bool], share: bool = False) -> fits.Header:
    """Copy a header without some of its cards.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; not changed.
    *is_dropped : callable
        Conditions. A card that meets one of them is left out.
    share : bool
        Whether the result may contain the cards themselves, which is faster. The header must not be used any more.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy.
    """
    kept = [card for card in header.cards if not any(condition(card) for condition in is_dropped)]
    # Header copies neither the cards of a list, nor with copy=True.
    return fits.Header(kept if share else map(copy.copy, kept))
