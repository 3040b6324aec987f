"""Pictures: decoding and checks, flame detection, and redaction."""
