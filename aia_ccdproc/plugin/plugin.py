"""Plugins that are installed, and plugins that cannot be used."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["CORE", "BrokenPlugin", "Plugin", "normalize_name"]

#: Distribution of the core.
CORE = "aia-ccdproc"


@dataclass(frozen=True)
class Plugin:
    """A plugin: an entry point of a distribution."""

    name: str
    distribution: str
    version: str

    @property
    def key(self) -> str:
        """The name under which the plugin is registered.

        Returns
        -------
        str
            ``"distribution:entry point"``.
        """
        return f"{self.distribution}:{self.name}"

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()

    def is_called(self, name: str) -> bool:
        """Check whether a name in a recipe is that of this plugin: of its distribution or of its entry point.

        Parameters
        ----------
        name : str
            ``"aia-ccdproc-cubic"`` or ``"cubic"``.

        Returns
        -------
        bool
            True if it is.
        """
        return normalize_name(name) in (normalize_name(self.distribution), normalize_name(self.name))


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that cannot be used, and why."""

    plugin: Plugin
    reason: str
    declared_twice: str | None = None
    """The hook that the plugin declares although another plugin has declared it; None for any other reason."""

    def __str__(self) -> str:
        return f"{self.plugin.distribution} ({self.plugin.name}): {self.reason}"


def normalize_name(name: str) -> str:
    """Normalize the name of a distribution as package indexes do (PEP 503).

    Parameters
    ----------
    name : str
        ``AIA_Bias``.

    Returns
    -------
    str
        ``aia-bias``.
    """
    return re.sub(r"[-_.]+", "-", str(name)).lower()
