"""Private words of the former code, and what the field says in their place (docs/glossary.md).

Only words that mean one thing: "letter", "told" or "county" are ordinary English, or names of the domain, and cannot
be looked for.
"""

MODULES = {
    "manners": "process_tuning",
    "letters": "dead_letter, evidence, dead_letters",
    "following": "compacted_table",
    "rights": "acls",
    "sending": "producer",
    "repeats": "dedup",
    "memory": "event_ids",
    "news": "report",
    "alerts": "issue",
    "relations": "link",
    "tombstones": "incident_compaction",
    "merging": "batch_merge",
    "leadership": "leader_refresh",
    "cast": "fixtures",
    "harvest": "collect",
    "house": "environment",
    "settle": "quiesce",
    "traces": "leak_check",
    "due": "schedule",
    "story": "result",
    "conclude": "finish",
    "crew": "workers",
    "chaos_crew": "workers",
    "made_up": "fixtures",
    "county": "registry_load",
    "pages": "scrape",
    "saying": "ack_actions",
    "station": "plates_harness",
    "drill": "kill_harness",
    "recorded": "recorded_log",
    "by_grade": "grades",
}
"""Names of files and folders."""

NAMES = {
    "give_way": "lower_priority",
    "leave_no_core": "disable_core_dumps",
    "tame_garbage_collection": "tune_gc",
    "Followed": "CompactedTable",
    "Rights": "AclSet",
    "Outgoing": "ProducerRecord",
    "hear": "check_duplicate",
    "Hearing": "DedupResult",
    "News": "Report",
    "Taken": "Effect",
    "take_in": "apply_report",
    "Sign": "ConditionSignal",
    "Shown": "Effect",
    "Fired": "Effect",
    "Says": "AckRule",
    "Occasion": "AlertContext",
    "announce": "issue_alert",
    "Memory": "EventIdWindow",
    "recall": "a method of EventIdWindow",
    "falls_silent": "on_silent",
    "speaks_again": "on_recovered",
    "name_each_other": "link",
    "look_for_new_leaders": "refresh_leaders",
    "Cast": "Fixtures",
    "make_cast": "make_fixtures",
    "Harvest": "Collected",
    "harvest": "collect",
    "Due": "Scheduled",
    "Story": "Result",
    "Needle": "Leak",
    "Crew": "Workers",
    "Station": "a harness",
    "Drill": "KillHarness",
    "drill": "kill_harness",
}
"""Functions, classes, constants and fields, exactly so; a local variable may be called so."""

WORDS = {
    "manners": "process tuning",
    "bury": "reject, make a dead letter",
    "buries": "rejects",
    "buried": "rejected",
    "stranger": "unregistered device",
    "strangers": "unregistered devices",
    "crew": "workers",
    "fold time": "stream time",
}
"""In a docstring, a comment, a page, or as a part of a name."""

NOT_YET: tuple[str, ...] = (
    "Cast",
    "Station",
    "buried",
)
"""Of the three tables what is still said, then the public names that still mean two things. To be emptied, then taken
away with its test; nothing may be added."""
