"""The translations between Córtex and each kind of upstream; see `base`."""
