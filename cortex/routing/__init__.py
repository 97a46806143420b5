"""Routing: which worker takes a request, and who waits."""
