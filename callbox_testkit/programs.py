"""Programs of the machine, found in absolute folders of the PATH only.

An empty or relative entry of the PATH means the working folder: whoever can write there would decide what is run.
"""

import os
import shutil
from collections.abc import Mapping


def installed_program(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The absolute path of a program; None where no absolute folder of the PATH has it."""
    folders = environment.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(filter(os.path.isabs, folders)))
