"""The generated code of the codec: `python -m callbox_testkit.codec`, and `--check` in the tests.

    schemas/avro/NAME.avsc and its struct ─► schemas/generated/MODULE.py, one for each module of structs
    the symbols of every enum              ─► schemas/generated/symbols.py
    all of them                            ─► schemas/generated/__init__.py

A writer makes bytes of a struct and a reader makes a struct of bytes, without walking through a schema. Both leave
what is out of the common to fastavro (docs/adr/0022).
"""
