"""Answers kept by prompt: what may be kept, by which key, where, and for how long. No endpoint, no upstream."""
