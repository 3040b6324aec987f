"""The subcommands of `callbox`, one module for each."""
