"""An independent referee: naive models of the rules, run against the fold on thousands of random logs.

    seed ─► generator ─► steps ─► drive ─► run ─► referee ─► violations ─► shrink ─► the shortest log
                                   │                 │
                                   └─ the fold       └─ oracles: presses, answers, timers, ids, silence, faults, place,
                                                        and the same log with a restart or one wrong append time

The models were written from docs/requirements.md (1 to 16, and F1 to F22, which win) and docs/incidents.md. They share
no code with `processors`: they read the inputs and the alerts, as somebody would who sees only what goes in and what
comes out, and say of each input what must follow. Only `drive` knows the fold.

An oracle says nothing where the rules leave a choice: at the edge of a window, within a second of a timer, while two
clocks disagree. Everything that it does say is certain, so each violation is a fault of the fold, of the model, or of
the rules, and somebody decides which.

To run one log again: `python -m tests.reference SEED`. It prints the violations and the shortest log that still shows
the first of them.
"""
