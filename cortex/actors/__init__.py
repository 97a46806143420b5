"""Actors and their supervision, in the manner of Erlang/OTP, on pykka."""
