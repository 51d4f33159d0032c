"""How much memory this process holds."""

import os
import resource
import sys
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")


def resident() -> int:
    """Bytes of this process that are in memory; where there is no /proc, the most that ever were.

    Not `ru_maxrss` on Linux: a child inherits there what its parent held, exec or not.
    """
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
