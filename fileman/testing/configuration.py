"""What a backend says of its configuration before and after it asks the storage."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fileman.backends.base import Backend
from fileman.backends.values import Strategy
from fileman.errors import StorageMisconfigured
from fileman.testing.case import ContractCase, Reduction, reopened

SECRET_WORDS = ("secret", "password", "credential", "account_key", "connection_string", "token", "private")


class ConfigurationCases(ContractCase):
    def _problems(self, backend: Backend, **settings: object) -> list[str]:
        config = replace(backend.config, settings={**backend.config.settings, **settings})
        return type(backend).configuration_problems(config)

    def secrets(self, backend: Backend) -> Sequence[str]:
        """The texts that nobody may see: settings whose names say so."""
        named = [key for key in backend.config.settings if any(word in key for word in SECRET_WORDS)]
        return [str(backend.config.settings[key]) for key in named]

    def test_every_reduction_is_a_known_one(self) -> None:
        assert self.reduced <= set(Reduction)

    def test_a_good_configuration_has_no_problems(self, backend: Backend) -> None:
        assert type(backend).configuration_problems(backend.config) == []

    def test_the_storage_finds_a_good_configuration_good(self, backend: Backend) -> None:
        assert backend.validate_configuration() == (True, [])

    def test_asking_the_storage_leaves_nothing_behind(self, backend: Backend) -> None:
        backend.validate_configuration()

        assert list(backend.list_objects(backend.prefix)) == []

    def test_an_unknown_setting_is_named(self, backend: Backend) -> None:
        faults = self._problems(backend, colour="blue")

        assert len(faults) == 1
        assert "'colour'" in faults[0]

    def test_a_setting_of_the_wrong_type_is_named(self, backend: Backend) -> None:
        faults = self._problems(backend, upload_expires_in="soon")

        assert faults == ["Setting 'upload_expires_in' must be an integer."]

    @pytest.mark.parametrize("name", ["upload_expires_in", "download_expires_in"])
    @pytest.mark.parametrize("seconds", [0, 604_801])
    def test_a_lifetime_that_no_storage_signs_is_refused(self, backend: Backend, name: str, seconds: int) -> None:
        assert self._problems(backend, **{name: seconds}) == [f"{name} must be from 1 to 604800 seconds."]

    def test_the_longest_lifetime_is_taken(self, backend: Backend) -> None:
        assert self._problems(backend, upload_expires_in=604_800, download_expires_in=604_800) == []

    def test_a_faulty_configuration_makes_no_backend(self, backend: Backend) -> None:
        config = replace(backend.config, settings={**backend.config.settings, "colour": "blue"})

        with pytest.raises(StorageMisconfigured, match="'colour'"):
            type(backend)(config)

    def test_a_foreign_backend_url_is_refused(self, backend: Backend) -> None:
        config = replace(backend.config, backend_url="gopher://elsewhere/")

        assert type(backend).configuration_problems(config) != []

    def test_direct_upload_is_refused_where_the_storage_cannot(self, backend: Backend) -> None:
        faults = type(backend).configuration_problems(replace(backend.config, supports_direct_upload=True))

        assert bool(faults) is not backend.capabilities.supports_direct_upload

    def test_the_location_is_the_same_for_the_same_place(self, backend: Backend) -> None:
        assert backend.location() == reopened(backend).location() != ""

    def test_no_secret_shows_when_a_backend_is_printed(self, backend: Backend) -> None:
        shown = f"{backend!r} {backend} {backend.config!r} {backend.settings!r} {backend.location()}"

        assert [secret for secret in self.secrets(backend) if secret in shown] == []

    def test_the_capabilities_fit_together(self, backend: Backend) -> None:
        """The largest object can be sent by the largest parts."""
        can = backend.capabilities

        assert 1 <= can.part_min_bytes <= can.part_max_bytes
        assert 1 <= can.single_request_max_bytes <= can.max_object_bytes
        assert can.large_strategy is not Strategy.SINGLE
        if can.large_strategy is Strategy.PARTS:
            assert can.max_object_bytes <= can.parts_max * can.part_max_bytes
