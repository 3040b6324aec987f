"""Errors: one class for each thing that an operator can do about them.

CallboxError
├── DecodeError        a record does not decode          dead letter, worker continues
├── PictureError       a picture cannot be used          dead letter, worker continues
├── FileRefused        a file is refused as a whole      correct the file          exit 78
├── InputMissing       a file or a model is not there    fetch or name it          exit 66
├── TopicRefused       a topic change would lose order   see --i-lose-order        exit 65
├── AckRejected        the fold rejected an action       see the reason            exit 65
├── AnswerMissing      an acknowledgement has no answer  check, then send again    exit 75
├── DeadLetterRefused  a dead letter would come back     correct what it names     exit 65
├── SkipRefused        a record is folded already        nothing                   exit 65
├── BrokerUnavailable  no broker answers                 start it or name another  exit 69
├── AccessDenied       the broker refuses us             correct credentials, ACLs exit 77
├── DeliveryFailed     the broker did not take a record  the process stops         exit 70
├── WrongSchema        a whole topic is unreadable       upgrade, or lock out       exit 76
├── LogBroken          log and snapshots do not match    the process stops         exit 70
├── PicturesFailed     no process decodes pictures   the process stops         exit 70
└── WorkerStalled      work waits and none is done       the process stops         exit 70
"""

from enum import StrEnum
from typing import ClassVar


class CallboxError(Exception):
    """The base of every error that callbox raises on purpose. `exit_code` is the command's exit code (sysexits.h)."""

    exit_code: ClassVar[int] = 70


class Cause(StrEnum):
    """Why a record became a dead letter, or was never read: a closed list, safe as a label and for sealed topics."""

    UNKNOWN = "unknown"
    UNDECODABLE = "undecodable"
    UNKNOWN_SCHEMA = "unknown_schema"
    INVALID_FIELD = "invalid_field"
    UNKNOWN_DEVICE = "unknown_device"
    PICTURE_EMPTY = "picture_empty"
    PICTURE_NOT_JPEG = "picture_not_jpeg"
    PICTURE_TRUNCATED = "picture_truncated"
    PICTURE_TOO_LARGE = "picture_too_large"
    PICTURE_TOO_COMPLEX = "picture_too_complex"
    PICTURE_UNSUPPORTED = "picture_unsupported"
    PICTURE_BROKE_DECODER = "picture_broke_decoder"
    PLATE_TEXT_INVALID = "plate_text_invalid"
    PROCESSING_FAILED = "processing_failed"
    RECORDS_MISSING = "records_missing"
    ANOTHER_LOG = "another_log"
    LOG_TRUNCATED = "log_truncated"
    FOREIGN_MEMBER = "foreign_member"
    UNEXPECTED_WRITER = "unexpected_writer"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"


class DecodeError(CallboxError):
    """The bytes of a record are not a record of the type that its topic carries."""

    def __init__(self, message: str, cause: Cause = Cause.UNDECODABLE) -> None:
        super().__init__(message)
        self.cause = cause


class PictureError(CallboxError):
    """A picture is empty, damaged, too large, too complex, not a JPEG, or ends the process that decodes it."""

    def __init__(self, message: str, cause: Cause) -> None:
        super().__init__(message)
        self.cause = cause


class FileRefused(CallboxError):
    """A config, registry, policy, hotlist or scenario file is refused as a whole; the message says where."""

    exit_code = 78  # EX_CONFIG


class InputMissing(CallboxError):
    """A file or a model that is needed is not there, or is not the one that was pinned."""

    exit_code = 66  # EX_NOINPUT


class TopicRefused(CallboxError):
    """A change of a topic would break order or lose records."""

    exit_code = 65  # EX_DATAERR


class AckRejected(CallboxError):
    """The fold rejected an acknowledgement; the message says why."""

    exit_code = 65  # EX_DATAERR


class AnswerMissing(CallboxError):
    """An acknowledgement was delivered, and its answer did not arrive in time."""

    exit_code = 75  # EX_TEMPFAIL


class DeadLetterRefused(CallboxError):
    """A dead letter is not sent again: it would be rejected again, or it cannot be read; the message says why."""

    exit_code = 65  # EX_DATAERR


class SkipRefused(CallboxError):
    """A record of the log is not skipped: it is folded already."""

    exit_code = 65  # EX_DATAERR


class BrokerUnavailable(CallboxError):
    """No broker answered in time."""

    exit_code = 69  # EX_UNAVAILABLE


class AccessDenied(CallboxError):
    """The broker refused our credentials or an operation."""

    exit_code = 77  # EX_NOPERM


class DeliveryFailed(CallboxError):
    """The broker did not confirm a record: the process stops, so that it is sent again."""


class WrongSchema(CallboxError):
    """So many records in a row cannot be read that their writer must have another schema: the worker stops."""

    exit_code = 76  # EX_PROTOCOL


class LogBroken(CallboxError):
    """The log does not hold what was to be read of it."""


class PicturesFailed(CallboxError):
    """The child process that decodes pictures does not start: the process stops, and the pictures are read again."""


class WorkerStalled(CallboxError):
    """Records wait and nothing advances: the process stops, so that another worker reads them."""
