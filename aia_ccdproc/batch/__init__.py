"""Many files by one recipe: a thing to leave running over night.

Data moves one way. `inputs` finds the files, `plan` says what is to be done with each and refuses what would
collide, `crew` is who does it, `loop` keeps them at it, and `work` is what is done with one file, in whichever process.
`runner` is the whole.
"""

from aia_ccdproc.batch.runner import Observer, run
from aia_ccdproc.result import FileResult

__all__ = ["FileResult", "Observer", "run"]
