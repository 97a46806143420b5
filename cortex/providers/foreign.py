"""What reading JSON that somebody else wrote may raise."""

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""Not JSON, or not of that shape; no UTF-8; nested so deep (by malice, or by a model gone mad) that msgspec stops."""
