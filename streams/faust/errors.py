"""What the errors of Faust's consumer mean."""

from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

_ACL_REMOVED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)


def is_access_denied(error: BaseException | None) -> bool:
    """Whether the consumer has ended because an ACL of ours is missing, and not because of a fault."""
    return isinstance(error, _ACL_REMOVED)
