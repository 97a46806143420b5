"""Settings: supervision.toml, `.env` and the environment, read into frozen structs or into a list of every mistake."""
