"""The table of content types, media_types.toml. `content_types` has the rules."""

import tomllib
from importlib import resources
from typing import Any, Final, NamedTuple

UNKNOWN: Final = "application/octet-stream"
MPEG_TS: Final = "video/mp2t"
PDF: Final = "application/pdf"
TEXT: Final = "text/plain"
SHOWN, BY_SETTING, SAVED = "shown", "by setting", "saved"
"""Inline: on request, on request if INLINE_TYPES has the type, never."""


class MediaType(NamedTuple):
    """One line of the table, which explains the columns."""

    name: str
    extensions: str
    family: str
    inline: str = SAVED
    aliases: str = ""
    signature: bytes = b""
    forms: str = ""

    @classmethod
    def from_line(cls, signature: str = "", **line: Any) -> "MediaType":
        return cls(**line, signature=signature.encode())


_TOML = resources.files(__package__).joinpath("media_types.toml").read_text(encoding="utf-8")
TABLE: Final = tuple(MediaType.from_line(**line) for line in tomllib.loads(_TOML)["types"])
