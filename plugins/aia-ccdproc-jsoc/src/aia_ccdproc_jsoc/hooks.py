"""The hooks: inputs that start with ``jsoc:``, and the step ``refresh_keywords``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pluggy

from aia_ccdproc.plugin import Instrument, RemoteFile, hookimpl, hookspec, step
from aia_ccdproc_jsoc.settings import RefreshSettings

if TYPE_CHECKING:
    from astropy.io import fits

#: Environment variable for the base URL of another DRMS server.
_SERVER = "AIA_CCDPROC_JSOC"
#: Steps that use the keywords of level 1, or change them.
_LATER_STEPS = ("update_pointing", "respike", "deconvolve", "estimate_uncertainty", "register", "normalize_exposure")


class Declarations:
    """The step that this plugin declares."""

    @step(settings=RefreshSettings, before=_LATER_STEPS)
    @hookspec(firstresult=True)
    def prep_refresh_keywords(
        self, header: fits.Header, instrument: Instrument, settings: RefreshSettings
    ) -> fits.Header | None:
        """Replace the keywords of a level-1 image by those that JSOC has now."""


@hookimpl
def prep_addhooks(manager: pluggy.PluginManager) -> None:
    """Declare the step."""
    manager.add_hookspecs(Declarations)


@hookimpl
def prep_inputs(name: str, options: Mapping[str, str]) -> Sequence[RemoteFile] | None:
    """Return the records that a query selects."""
    scheme, _, query = name.partition(":")
    if scheme.lower() != "jsoc":
        return None
    from aia_ccdproc_jsoc.options import QueryOptions, record_sets, split_options
    from aia_ccdproc_jsoc.records import find_records

    query, own = query.strip(), dict[str, str]()
    sets = [query]
    if query.startswith("?"):
        query, own = split_options(query[1:])
        sets = record_sets(query)
    chosen = QueryOptions.of({**options, **own})
    server = os.environ.get(_SERVER) or None
    return [record for each in sets for record in find_records(each, chosen, server=server)]


@hookimpl
def prep_refresh_keywords(header: fits.Header, instrument: Instrument, settings: RefreshSettings) -> fits.Header | None:
    """Refresh the header of an image of AIA."""
    from aia_ccdproc_jsoc.refresh import refreshed_header

    return refreshed_header(header, **dict(settings)) if instrument.name == "AIA" else None


@hookimpl
def prep_prefetch_refresh_keywords(headers: Sequence[fits.Header], settings: RefreshSettings) -> None:
    """Query the keywords of all records of a batch, before its workers need them."""
    from aia_ccdproc_jsoc.refresh import prefetch

    prefetch(headers, **dict(settings))
