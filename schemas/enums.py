"""The closed lists of values. Each has `UNKNOWN`, which an older reader gets in place of a newer value."""

from enum import StrEnum


class PillarKind(StrEnum):
    """What a pillar reports."""

    UNKNOWN = "UNKNOWN"
    PRESS = "press"
    RELEASE = "release"
    CANCEL = "cancel"
    TEST = "test"
    HEARTBEAT = "heartbeat"
    TAMPER = "tamper"
    BATTERY = "battery"
    MAINS = "mains"
    COMMS = "comms"


class DeviceKind(StrEnum):
    """The kinds of device."""

    UNKNOWN = "UNKNOWN"
    PILLAR = "pillar"
    CAMERA = "camera"
    CHECKPOINT = "checkpoint"
    GATEWAY = "gateway"


class PlateClass(StrEnum):
    """The series a plate belongs to."""

    UNKNOWN = "UNKNOWN"
    STANDARD = "standard"
    LARGE = "large"
    NEW_ENERGY = "new_energy"
    TRAILER = "trailer"
    POLICE = "police"
    OTHER = "other"


class PlateColour(StrEnum):
    """The background of a plate."""

    UNKNOWN = "UNKNOWN"
    BLUE = "blue"
    GREEN = "green"
    YELLOW = "yellow"
    WHITE = "white"
    BLACK = "black"


class Purpose(StrEnum):
    """Why a vehicle is on the hotlist: a closed list without a default (docs/privacy.md)."""

    UNKNOWN = "UNKNOWN"
    STOLEN_VEHICLE = "stolen_vehicle"
    MISSING_CHILD_ALERT = "missing_child_alert"
    UNPERMITTED_HAZMAT = "unpermitted_hazmat"


class ReviewReason(StrEnum):
    """What the person who verifies a hit should check first."""

    UNKNOWN = "UNKNOWN"
    JURISDICTION_UNKNOWN = "jurisdiction_unknown"
    CLASS_DIFFERS = "class_differs"
    COLOUR_DIFFERS = "colour_differs"
    READ_UNCERTAIN = "read_uncertain"
    PICTURE_DIFFERS = "picture_differs"
    PICTURE_MISSING = "picture_missing"


class InputKind(StrEnum):
    """The kinds of record in `fusion.input.v1`. FEED_STATUS has not been written since 0.4.0; older logs hold it."""

    UNKNOWN = "UNKNOWN"
    PILLAR_EVENT = "pillar_event"
    OBSERVATION = "observation"
    CAMERA_ALIVE = "camera_alive"
    VERIFIED_HIT = "verified_hit"
    ACKNOWLEDGEMENT = "acknowledgement"
    SHELVING = "shelving"
    DEVICE = "device"
    POLICY = "policy"
    FEED_STATUS = "feed_status"
    TICK = "tick"
    FEED_WATERMARK = "feed_watermark"
    DEAD_LETTER = "dead_letter"
    LIST_AGE = "list_age"
    LOG_BROKEN = "log_broken"
    MAINTENANCE = "maintenance"
    EXERCISE = "exercise"
    CLOCK = "clock"
    EXPECTED_FEEDS = "expected_feeds"
    FEED_BROKEN = "feed_broken"
    SKIP = "skip"


class SkipStep(StrEnum):
    """How far it has come that a record of the log is skipped: who asks for it does not decide it, the fold does."""

    UNKNOWN = "UNKNOWN"
    REQUESTED = "requested"
    APPLIED = "applied"
    TOO_LATE = "too_late"


class Hazard(StrEnum):
    """What is, or may be, wrong."""

    UNKNOWN = "UNKNOWN"
    EMERGENCY_CALL = "emergency_call"
    FIRE = "fire"
    FEED_FAULT = "feed_fault"
    FEED_SILENT = "feed_silent"
    FEED_STALE = "feed_stale"
    LOG_BROKEN = "log_broken"
    FEED_BROKEN = "feed_broken"
    TAMPER = "tamper"
    BATTERY = "battery"
    MAINS = "mains"
    COMMS = "comms"
    COMM_FAIL = "comm_fail"
    SITE_COMM_FAIL = "site_comm_fail"
    STUCK_BUTTON = "stuck_button"
    TEST_MISSED = "test_missed"
    CLOCK_DIFFERS = "clock_differs"
    EXERCISE_OVERDUE = "exercise_overdue"
    UNEXPECTED_SOURCE = "unexpected_source"


class Family(StrEnum):
    """Families of hazards. Only facts of one family join one incident.

    A press does not report what is wrong, so a flame beside it is the same emergency, reported by another feed.
    """

    UNKNOWN = "UNKNOWN"
    EMERGENCY = "emergency"
    MAINTENANCE = "maintenance"


class Category(StrEnum):
    """CAP 1.2 `category`."""

    UNKNOWN = "UNKNOWN"
    SAFETY = "Safety"
    SECURITY = "Security"
    RESCUE = "Rescue"
    FIRE = "Fire"
    TRANSPORT = "Transport"
    INFRA = "Infra"
    OTHER = "Other"


class Grade(StrEnum):
    """The severity of an incident. Grades belong to incidents, never to persons, addresses or groups."""

    UNKNOWN = "UNKNOWN"
    RED = "red"
    YELLOW = "yellow"
    BLUE = "blue"


class Urgency(StrEnum):
    """CAP 1.2 `urgency`."""

    UNKNOWN = "UNKNOWN"
    IMMEDIATE = "Immediate"
    EXPECTED = "Expected"
    FUTURE = "Future"


class Status(StrEnum):
    """CAP 1.2 `status`: whether an alert is real."""

    UNKNOWN = "UNKNOWN"
    ACTUAL = "Actual"
    TEST = "Test"
    EXERCISE = "Exercise"


class Action(StrEnum):
    """What an alert does to its incident."""

    UNKNOWN = "UNKNOWN"
    RAISE = "raise"
    UPDATE = "update"
    ACK = "ack"
    ESCALATE = "escalate"
    CANCEL = "cancel"
    CLOSE = "close"


class IncidentState(StrEnum):
    """The state of an incident in its life cycle, derived from ISA-18.2 (docs/incidents.md has the mapping)."""

    UNKNOWN = "UNKNOWN"
    CANDIDATE = "candidate"
    RAISED = "raised"
    ACKED = "acked"
    ASSIGNED = "assigned"
    ON_SCENE = "on_scene"
    CLEARED = "cleared"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    SHELVED = "shelved"
    OUT_OF_SERVICE = "out_of_service"
    CLEARED_UNACKED = "cleared_unacked"


class Tier(StrEnum):
    """The levels of the chain of responsible units."""

    UNKNOWN = "UNKNOWN"
    VILLAGE = "village"
    TOWNSHIP = "township"
    COUNTY = "county"
    MULTI_AGENCY = "multi_agency"


class Feed(StrEnum):
    """The source of a fact."""

    UNKNOWN = "UNKNOWN"
    PILLARS = "pillars"
    CAMERAS = "cameras"
    CHECKPOINTS = "checkpoints"
    HOTLIST = "hotlist"
    INTAKE = "intake"
    LOG = "log"


class FeedState(StrEnum):
    """The condition of a feed."""

    UNKNOWN = "UNKNOWN"
    OK = "ok"
    STALE = "stale"
    DEAD_LETTER = "dead_letter"
    BROKEN = "broken"


class Disposition(StrEnum):
    """How an incident ended."""

    UNKNOWN = "UNKNOWN"
    FOUNDED = "founded"
    UNFOUNDED = "unfounded"
    FALSE_PRESS = "false_press"
    TEST = "test"
    DUPLICATE = "duplicate"


class AckAction(StrEnum):
    """What a person does with an incident."""

    UNKNOWN = "UNKNOWN"
    ACCEPT = "accept"
    REJECT = "reject"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    CLEAR = "clear"
    CLOSE = "close"
    CANCEL = "cancel"
    REGRADE = "regrade"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    NOTE = "note"


class AckFlaw(StrEnum):
    """What intake finds wrong with an acknowledgement that it can read: the fold answers that it is rejected."""

    UNKNOWN = "UNKNOWN"
    ORGANISATION_NOT_VOUCHED = "organisation_not_vouched"
    UNUSABLE_TEXT = "unusable_text"


class AckReason(StrEnum):
    """Why a person does it: a closed list, so that no free text about anybody is stored."""

    UNKNOWN = "UNKNOWN"
    BAD_LOCATION = "bad_location"
    BAD_TYPE = "bad_type"
    TOO_OLD = "too_old"
    NOT_OURS = "not_ours"
    NO_UNIT_FREE = "no_unit_free"
    FALSE_ALARM = "false_alarm"
    NO_LONGER_NEEDED = "no_longer_needed"
    LESS_SERIOUS = "less_serious"
    MORE_SERIOUS = "more_serious"
    KNOWN_FAULT = "known_fault"
    PLANNED_WORK = "planned_work"
    NUISANCE = "nuisance"


class AckOutcome(StrEnum):
    """The outcome of an acknowledgement."""

    UNKNOWN = "UNKNOWN"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Reason(StrEnum):
    """The reason of the fold's decision about one input: every input gets exactly one."""

    UNKNOWN = "UNKNOWN"
    # An alert is issued.
    FIRST_FACT = "first_fact"
    UNREGISTERED_DEVICE = "unregistered_device"
    UNREGISTERED_GROUP = "unregistered_group"
    UNEXPECTED_SOURCE = "unexpected_source"
    PRESSED_AGAIN = "pressed_again"
    ANOTHER_SOURCE = "another_source"
    PICTURE_ADDED = "picture_added"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED_BY_DEVICE = "cancelled_by_device"
    DEVICE_TEST = "device_test"
    FEED_FAULT = "feed_fault"
    LOG_BROKEN = "log_broken"
    FEED_BROKEN = "feed_broken"
    CORROBORATED = "corroborated"
    RELATED = "related"
    ACCEPTED = "accepted"
    REJECTED_BY_UNIT = "rejected_by_unit"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    CLEARED = "cleared"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    REGRADED = "regraded"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    NOBODY_ACKNOWLEDGED = "nobody_acknowledged"
    STILL_UNACKNOWLEDGED = "still_unacknowledged"
    NO_PROGRESS = "no_progress"
    SHELVING_OVER = "shelving_over"
    RESOLVED = "resolved"
    EXPIRED = "expired"
    CONDITION_ACTIVE = "condition_active"
    CONDITION_BACK = "condition_back"
    CONDITION_OVER = "condition_over"
    FLAPPING = "flapping"
    SITE_SILENT = "site_silent"
    INHIBITED = "inhibited"
    DEVICE_LEFT = "device_left"
    DEVICE_MOVED = "device_moved"
    NOTED = "noted"
    AREA_FAULT = "area_fault"
    STILL_AFTER_AREA = "still_after_area"
    STILL_AFTER_WORK = "still_after_work"
    STILL_THERE = "still_there"
    MORE_RECORDS = "more_records"
    EXERCISE_OVER = "exercise_over"
    SECOND_PERSON_WANTED = "second_person_wanted"
    SECOND_PERSON_LAPSED = "second_person_lapsed"
    UNEXPECTED_WRITER = "unexpected_writer"
    SKIPPED = "skipped"
    FOLD_ERROR = "fold_error"
    # No alert is issued.
    HELD = "held"
    NEVER_RAISED = "never_raised"
    BOUNCE = "bounce"
    DUPLICATE = "duplicate"
    BEYOND_MEMORY = "beyond_memory"
    HEARTBEAT = "heartbeat"
    RELEASED = "released"
    NOTHING_TO_CANCEL = "nothing_to_cancel"
    STILL_BURNING = "still_burning"
    STILL_ACTIVE = "still_active"
    NOT_ACTIVE = "not_active"
    CAMERA_ALIVE = "camera_alive"
    DEVICE_UPDATED = "device_updated"
    DEVICE_REMOVED = "device_removed"
    POLICY_ACTIVATED = "policy_activated"
    POLICY_REFUSED = "policy_refused"
    FEED_STATUS = "feed_status"
    MAINTENANCE_PLANNED = "maintenance_planned"
    MAINTENANCE_ENDED = "maintenance_ended"
    MAINTENANCE_REFUSED = "maintenance_refused"
    EXERCISE_STARTED = "exercise_started"
    EXERCISE_ENDED = "exercise_ended"
    TICK = "tick"
    MISROUTED = "misrouted"
    UNDECODABLE = "undecodable"
    UNKNOWN_DEVICE = "unknown_device"
    NOT_SUPPORTED = "not_supported"
    # An acknowledgement is rejected: no alert is issued, only the answer.
    UNKNOWN_INCIDENT = "unknown_incident"
    INCIDENT_OVER = "incident_over"
    ACK_TOO_OLD = "ack_too_old"
    OUTDATED_REVISION = "outdated_revision"
    NOT_POSSIBLE_NOW = "not_possible_now"
    REASON_MISSING = "reason_missing"
    DISPOSITION_MISSING = "disposition_missing"
    GRADE_MISSING = "grade_missing"
    NEVER_FOR_GRADE = "never_for_grade"
    TOO_LONG = "too_long"
    UNKNOWN_ACTION = "unknown_action"
    ACTOR_MISSING = "actor_missing"
    NOTE_MISSING = "note_missing"
    NOTE_TOO_LONG = "note_too_long"
    REVISION_NOT_OUT = "revision_not_out"
    REVISION_MISSING = "revision_missing"
    NOT_IN_CHAIN = "not_in_chain"
    ORGANISATION_NOT_VOUCHED = "organisation_not_vouched"
    UNUSABLE_TEXT = "unusable_text"
