"""Córtex: one supervised endpoint in front of your Ollama machines and your free API keys."""

__version__ = "0.1.0"
