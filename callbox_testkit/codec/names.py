"""The names in generated code."""

import re

import msgspec


def snake(kind: type) -> str:
    """`FusionInput` as `fusion_input`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def writer_name(struct: type[msgspec.Struct]) -> str:
    """The function that makes the bytes of a record."""
    return f"write_{snake(struct)}"


def reader_name(struct: type[msgspec.Struct]) -> str:
    """The function that makes a record of its bytes."""
    return f"read_{snake(struct)}"


def header_name(struct: type[msgspec.Struct]) -> str:
    """The constant that holds the first ten bytes of a record."""
    return f"{snake(struct).upper()}_HEADER"


def bytes_table(enum: type) -> str:
    """The table from the symbols of an enum to bytes."""
    return f"{snake(enum).upper()}_BYTES"


def symbol_table(enum: type) -> str:
    """The table from numbers to the symbols of an enum."""
    return f"{snake(enum).upper()}_OF"
