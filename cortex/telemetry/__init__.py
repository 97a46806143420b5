"""Telemetry: events, records, metrics, logs."""
