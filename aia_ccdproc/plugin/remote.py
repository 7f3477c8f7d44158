"""Files of archives, which are fetched before they are prepped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["RemoteFile"]


@dataclass(frozen=True)
class RemoteFile(ABC):  # numpydoc ignore=PR02
    """A FITS file of an archive. A plugin derives its own class, and returns objects of it from `prep_inputs`.

    Parameters
    ----------
    name : str
        Name that the file has when it is fetched, ``"aia_94.fits"``; without a folder.
    source : str
        What the file is, in ASCII and without passwords. The output records it in INPUTSRC: an output that was made
        from the same source with the same recipe is not made again, and its input is not fetched again.
    server : str
        Name of the server. If it does not answer for one file, no other file of it is asked for.
    """

    name: str
    source: str
    server: str

    def header(self) -> fits.Header | None:
        """Return the header of the file, if it is known before the file is fetched.

        Returns
        -------
        `~astropy.io.fits.Header` or None
            The header, with which files are selected and data are prefetched. None if it is not known.
        """
        return None

    def beside(self) -> Sequence[RemoteFile]:
        """Return files that belong to this one, and are fetched into the same folder before it.

        Returns
        -------
        sequence of `RemoteFile`
            The files; by default none. They are not inputs of the batch.
        """
        return ()

    def expect(self) -> bool:
        """Learn that the file will be fetched. Called for each file of a batch before the first one is fetched.

        An archive that provides some files only on request can then request all of them at once. Must not wait.

        Returns
        -------
        bool
            Whether `fetch` will wait until the archive provides the file. The other files are fetched before.
        """
        return False

    @abstractmethod
    def fetch(self, path: Path) -> None:
        """Fetch the file. Called in a thread.

        Parameters
        ----------
        path : `~pathlib.Path`
            An empty file to write to. If an error is raised, it is removed.

        Raises
        ------
        PrepError
            If the file cannot be fetched, or is not complete.
        """
