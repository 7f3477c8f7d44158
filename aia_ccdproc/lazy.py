"""Type checks that do not import the module of the type."""

from __future__ import annotations

import sys

__all__ = ["is_instance"]


def is_instance(value: object, module: str, name: str) -> bool:
    """Check whether a value has a type, without importing the module of the type.

    If the module has not been imported, no value can have the type.

    Parameters
    ----------
    value : object
        The value.
    module : str
        Module of the type, ``"astropy.nddata"``.
    name : str
        Name of the type in the module, ``"CCDData"``.

    Returns
    -------
    bool
        True if the value is an instance.
    """
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))
