"""What every subcommand gets: the config, which is loaded when it is first used."""

import os
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from callbox.config import Config, load_config

MODELS_FOLDER: Final = "CALLBOX_CACHE"  # the variable that models.weights reads


@dataclass(frozen=True)
class Invocation:
    """One call of the command line.

    Attributes:
        config_file: The file that `--config` names, or None.
        environment: The environment variables of this process.
    """

    config_file: Path | None = None
    environment: MutableMapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @cached_property
    def config(self) -> Config:
        """The config, which is read once. Its folder for models, if set, is put into the environment.

        Raises:
            InputMissing: The file that is named does not exist.
            FileRefused: The file is refused as a whole.
        """
        config = load_config(self.config_file, self.environment)
        if config.models.cache is not None:
            self.environment[MODELS_FOLDER] = config.models.cache
        return config
