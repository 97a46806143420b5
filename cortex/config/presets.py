"""What is known of each provider before anything is configured: `presets.toml`, read once.

A provider that speaks a dialect which Córtex knows is one entry there, and nothing else.
"""

from collections.abc import Mapping
from importlib.resources import files

import msgspec

from cortex.config.model import Preset


def read_presets(text: str) -> Mapping[str, Preset]:
    """Read entries by name. Raises msgspec.ValidationError with the place of what is wrong."""
    return msgspec.toml.decode(text, type=dict[str, Preset])


PRESETS: Mapping[str, Preset] = read_presets(files("cortex.config").joinpath("presets.toml").read_text("utf-8"))
"""By the word in `provider = "…"`."""
