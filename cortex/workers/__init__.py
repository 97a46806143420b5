"""Workers: one actor for each upstream, its breaker, its leases, its probes."""
