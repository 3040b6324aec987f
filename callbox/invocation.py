"""What every subcommand is handed: where the config is, loaded when it is asked for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from callbox.config import Config, load_config


@dataclass(frozen=True)
class Invocation:
    """One call of the command line.

    Attributes:
        config_file: What `--config` names, or None.
    """

    config_file: Path | None = None

    @cached_property
    def config(self) -> Config:
        """The config; read once.

        Raises:
            InputMissing: A file that is named is not there.
            FileRefused: It is refused as a whole.
        """
        return load_config(self.config_file)
