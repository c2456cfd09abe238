"""Every backend runs every case of the contract. None is replaced, and the reductions are listed here."""

from collections.abc import Iterator, Set

import pytest

from fileman.testing.contract import BackendContract, Reduction
from tests.backends import test_local_contracts
from tests.backends.azure import test_contract as azure
from tests.backends.azure import test_token_credentials
from tests.backends.gcs import test_contract as gcs
from tests.backends.gcs import test_emulators
from tests.backends.s3 import test_contract as s3

EMULATOR = {Reduction.SIGNATURES, Reduction.EXACT_LENGTH, Reduction.DISPOSITION, Reduction.CREATE_ONLY}
SUITES: dict[type[BackendContract], Set[Reduction]] = {
    test_local_contracts.TestFilesystem: {Reduction.CONTENT_TYPE},
    test_local_contracts.TestFilesystemOnTwoDevices: {Reduction.CONTENT_TYPE},
    **dict.fromkeys((test_local_contracts.TestMemory, gcs.TestDirect), frozenset()),
    **dict.fromkeys((s3.TestRadosgw, s3.TestSeaweedFS, s3.TestMinistack, s3.TestRclone), frozenset()),
    s3.TestMoto: {Reduction.EXACT_LENGTH, Reduction.SIGNATURES},
    azure.TestAzureByAccountKey: {Reduction.EXACT_LENGTH},
    test_token_credentials.TestAzureByToken: {Reduction.EXACT_LENGTH},
    test_emulators.TestContract: EMULATOR,
}


def get_cases(suite: type[BackendContract]) -> dict[str, object]:
    """Return name -> function of every case, inherited ones included."""
    return {name: getattr(suite, name) for name in dir(suite) if name.startswith("test_")}


def suites(base: type[BackendContract] = BackendContract) -> Iterator[type[BackendContract]]:
    """Yield the classes that run as suites in the modules of this folder."""
    for kind in base.__subclasses__():
        yield from suites(kind)
        if kind.__name__.startswith("Test") and kind.__module__.startswith("tests.backends."):
            yield kind


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_has_the_cases_of_the_contract_as_they_are(suite: type[BackendContract]) -> None:
    assert get_cases(suite) == get_cases(BackendContract)
    assert suite.reduced == SUITES[suite]


def test_no_suite_is_forgotten() -> None:
    assert set(suites()) == set(SUITES)
