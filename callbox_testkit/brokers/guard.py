"""Authentication and authorisation for a test broker: TLS with its own certificate, SCRAM users, ACLs.

The plain listener stays for the broker itself and for the test that started it, which may do everything. On the other
one a user may do what an ACL allows; `admin` may do everything.
"""

from collections.abc import Mapping

import msgspec

from streams.kafka.config import SaslMechanism

_AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_LISTENER = "listener.name.sasl_ssl"
_MECHANISM = SaslMechanism.SCRAM_SHA_512


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """A SASL_SSL listener with SCRAM-SHA-512, where a user without an ACL may do nothing.

    Attributes:
        identity_file: PEM file with the broker's key (PKCS 8, not encrypted), its certificate and its issuers.
        admin: The user who may do everything.
        passwords: Of each user, `admin` included. They are made for one run and visible on a command line.
    """

    identity_file: str
    admin: str
    passwords: Mapping[str, str]

    def settings(self, address: str) -> dict[str, str]:
        """Server properties of a broker whose guarded listener is at `address`."""
        return {
            "listeners": f"SASL_SSL://{address}",
            f"{_LISTENER}.ssl.keystore.type": "PEM",
            f"{_LISTENER}.ssl.keystore.location": self.identity_file,
            f"{_LISTENER}.sasl.enabled.mechanisms": _MECHANISM,
            f"{_LISTENER}.{_MECHANISM.lower()}.sasl.jaas.config": _SCRAM,
            "authorizer.class.name": _AUTHORIZER,
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:ANONYMOUS;User:{self.admin}",
        }

    def format_options(self) -> list[str]:
        """Options of `StorageTool format` that create the users."""
        return [
            option
            for name, password in self.passwords.items()
            for option in ("--add-scram", f"{_MECHANISM}=[name={name},password={password}]")
        ]
