"""The reference pages, written from the code: `python -m callbox_testkit.reference`, and `--check` in the tests.

    config structs, policy and its limits ─► docs/reference/config.md, policy.md
    the catalogue of topics               ─► docs/reference/topics.md
    the table of a worker's metrics        ─► docs/reference/metrics.md
    the error classes                     ─► docs/reference/exit-codes.md
    what each worker reads and writes     ─► docs/reference/acls.md
    the alert record                      ─► docs/reference/alert.md
    every other record of those outside   ─► docs/reference/records.md
    the table of an incident's states      ─► docs/reference/lifecycle.md

A page says what the docstrings of the code say, so that nobody has to keep the two equal.
"""
