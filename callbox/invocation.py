"""What every subcommand is handed: where the config is, loaded when it is asked for."""

import os
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from callbox.config import Config, load_config

MODELS_FOLDER: Final = "CALLBOX_CACHE"  # what models.weights looks for


@dataclass(frozen=True)
class Invocation:
    """One call of the command line.

    Attributes:
        config_file: What `--config` names, or None.
        environment: Of this process.
    """

    config_file: Path | None = None
    environment: MutableMapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @cached_property
    def config(self) -> Config:
        """The config; read once. A folder that it names for the models goes into the environment.

        Raises:
            InputMissing: A file that is named is not there.
            FileRefused: It is refused as a whole.
        """
        config = load_config(self.config_file, self.environment)
        if config.models.cache is not None:
            self.environment[MODELS_FOLDER] = config.models.cache
        return config
