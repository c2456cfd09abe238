"""Cases of the contract for configurations: their problems, their secrets, and the capabilities."""

import re
from dataclasses import replace

import pytest

from fileman.backends.base import Backend
from fileman.backends.values import Strategy
from fileman.errors import StorageMisconfigured
from fileman.testing.case import ContractCase, reopened

# Names of settings that nobody may see.
SECRET_WORDS = re.compile("secret|password|credential|account_key|connection_string|token|private")


class ConfigurationCases(ContractCase):
    def _problems(self, backend: Backend, **settings: object) -> list[str]:
        config = replace(backend.config, settings={**backend.config.settings, **settings})
        return type(backend).configuration_problems(config)

    def test_a_good_configuration_has_no_problems_and_leaves_nothing_behind(self, backend: Backend) -> None:
        problems = self._problems(backend, upload_expires_in=604_800, download_expires_in=604_800)

        assert problems == [], "configuration_problems() must accept a good configuration, and the longest lifetimes."
        found = backend.validate_configuration()
        assert found == (not self.limits, list(self.limits)), "validate_configuration() must find nothing but `limits`."
        remains = list(backend.list_objects(backend.prefix))
        assert remains == [], "validate_configuration() must delete the objects that it writes."

    def test_an_unknown_setting_or_scheme_is_named_and_makes_no_backend(self, backend: Backend) -> None:
        problems = self._problems(backend, colour="blue")

        assert len(problems) == 1, "configuration_problems() must report an unknown setting, once."
        assert "'colour'" in problems[0], "The problem of an unknown setting must contain its name in quotes."
        problems = type(backend).configuration_problems(replace(backend.config, backend_url="gopher://elsewhere/"))
        assert problems != [], "location_problems() must reject a backend_url with an unknown scheme."
        with pytest.raises(StorageMisconfigured, match="'colour'"):
            reopened(backend, settings={**backend.config.settings, "colour": "blue"})

    def test_an_impossible_value_is_named(self, backend: Backend) -> None:
        extend = "() must extend, not replace, the checks of"
        found = self._problems(backend, upload_expires_in="soon")
        assert found == ["Setting 'upload_expires_in' must be an integer."], f"configuration_problems{extend} Backend."
        for name in ("upload_expires_in", "download_expires_in"):
            for seconds in (0, 604_801):
                found = self._problems(backend, **{name: seconds})
                assert found == [f"{name} must be from 1 to 604800 seconds."], f"problems{extend} BackendSettings."

    def test_direct_upload_is_refused_where_the_storage_cannot(self, backend: Backend) -> None:
        problems = type(backend).configuration_problems(replace(backend.config, supports_direct_upload=True))

        can = backend.capabilities.supports_direct_upload
        assert bool(problems) is not can, "Direct upload must be a problem exactly if the capabilities exclude it."

    def test_the_location_is_the_same_for_the_same_place(self, backend: Backend) -> None:
        here, elsewhere = backend.location(), reopened(backend).location()
        assert here == elsewhere != "", "location() must return the same name in every process, and never an empty one."

    def test_no_secret_shows_when_a_backend_is_printed(self, backend: Backend) -> None:
        shown = f"{backend!r} {backend} {backend.config!r} {backend.settings!r} {backend.location()}"

        secrets = {key: str(value) for key, value in backend.config.settings.items() if SECRET_WORDS.search(key)}
        seen = [key for key, value in secrets.items() if value in shown]
        assert seen == [], "repr() and location() must show no secret. Declare such fields with repr=False."

    def test_the_capabilities_fit_together(self, backend: Backend) -> None:
        can = backend.capabilities

        assert 1 <= can.part_min_bytes <= can.part_max_bytes, "part_min_bytes must be from 1 to part_max_bytes."
        single = can.single_request_max_bytes
        assert 1 <= single <= can.max_object_bytes, "single_request_max_bytes must be from 1 to max_object_bytes."
        assert can.large_strategy is not Strategy.SINGLE, "large_strategy must be PARTS or SESSION."
        if can.large_strategy is Strategy.PARTS:
            longest = can.parts_max * can.part_max_bytes
            assert can.max_object_bytes <= longest, "max_object_bytes must be at most parts_max times part_max_bytes."
