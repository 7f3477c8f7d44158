"""Fixtures for the tests of plugins. pytest loads them if this package is installed.

`level1` makes images of a synthetic Sun. `prep_manager` loads chosen plugins and no others. `check_step` runs a step
and checks that it keeps what every step promises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from astropy.nddata import CCDData

    from aia_ccdproc.plugin.manager import PrepPluginManager

__all__ = ["check_step", "level1", "prep_manager"]


@pytest.fixture
def level1() -> Callable[..., CCDData]:
    """Make synthetic level-1 images.

    Returns
    -------
    callable
        ``level1(channel=171, *, sun=None, noise=None, mask=False, uncertainty=False, **options)``, as
        `aia_ccdproc.testing.images.level1_image`.
    """
    from aia_ccdproc.testing.images import level1_image

    return level1_image


@pytest.fixture
def prep_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., PrepPluginManager]]:
    """Load the core and chosen plugins, and no others.

    Parameters
    ----------
    monkeypatch : `pytest.MonkeyPatch`
        Sets AIA_CCDPROC_PLUGINS, so that processes that the test starts load the same plugins.

    Yields
    ------
    callable
        ``prep_manager(*names)`` with names of distributions or entry points. It returns a
        `~aia_ccdproc.plugin.manager.PrepPluginManager`, which `~aia_ccdproc.get_plugin_manager` returns for the rest of
        the test.
    """
    with ExitStack() as stack:

        def load(*names: str) -> PrepPluginManager:
            from aia_ccdproc.plugin.loading import load_plugins
            from aia_ccdproc.plugin.manager import CHOSEN_PLUGINS

            monkeypatch.setenv(CHOSEN_PLUGINS, ",".join(names))
            manager = load_plugins(names)
            stack.enter_context(manager.in_use())
            return manager

        yield load


@pytest.fixture
def check_step(tmp_path: Path) -> Callable[..., CCDData]:
    """Check that a step keeps what every step promises.

    Parameters
    ----------
    tmp_path : `~pathlib.Path`
        Folder in which a result is written and read.

    Returns
    -------
    callable
        ``check_step(name, settings=None, ccd=None, refuses=())``, as `aia_ccdproc.testing.contract.check_step`. It
        returns the step's result, for further checks.
    """
    from aia_ccdproc.testing import contract
    from aia_ccdproc.testing.promises import BrokenPromiseError

    def check(name: str, settings: Any = None, ccd: CCDData | None = None, refuses: Any = ()) -> CCDData:
        __tracebackhide__ = True
        try:
            return contract.check_step(name, settings, ccd, refuses, folder=tmp_path)
        except BrokenPromiseError as error:  # the message is sufficient, the traceback would show the checks
            raise error.with_traceback(None) from None

    return check
