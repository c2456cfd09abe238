"""The settings that the storage of every file manager takes."""

from dataclasses import dataclass, field

from fileman import conf


@dataclass(frozen=True, kw_only=True)
class BackendSettings:
    """The keys that every file manager's `settings` takes. Backends add their own as fields."""

    upload_expires_in: int = field(default_factory=lambda: conf.settings().DEFAULT_UPLOAD_EXPIRES_IN)
    """Seconds that signed upload requests live, 1 to 604,800."""
    download_expires_in: int = field(default_factory=lambda: conf.settings().DEFAULT_DOWNLOAD_EXPIRES_IN)
    """Seconds that signed download URLs live, 1 to 604,800. Clients may ask for less; `get_url` may be given more."""

    def problems(self) -> list[str]:
        """Return one sentence for each impossible value. Subclasses add their own."""
        return [
            f"{key} must be from 1 to {conf.URL_LIFETIME_CAP_SECONDS} seconds."
            for key in ("upload_expires_in", "download_expires_in")
            if not 0 < getattr(self, key) <= conf.URL_LIFETIME_CAP_SECONDS
        ]
