"""The endpoint: client dialects, the attempt loop, the server and Córtex's own paths."""
