"""The fault wall: a sandboxed Córtex with your settings, in front of simulated upstreams that fail in every known way."""
