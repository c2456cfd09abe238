"""The suite of every backend is the same suite."""

from collections.abc import Iterator

from fileman.testing.contract import BackendContract
from tests.backends import test_contract_local
from tests.backends.azure import test_contract as test_contract_azure
from tests.backends.gcs import test_contract as test_contract_gcs
from tests.backends.s3 import test_contract as test_contract_s3

MODULES = {
    module.__name__ for module in (test_contract_local, test_contract_azure, test_contract_gcs, test_contract_s3)
}


def suites(root: type[BackendContract] = BackendContract) -> Iterator[type[BackendContract]]:
    """The classes that pytest collects."""
    for child in root.__subclasses__():
        if child.__name__.startswith("Test"):
            yield child
        yield from suites(child)


def test_no_backend_leaves_a_case_out_or_has_one_of_its_own() -> None:
    """N-5: what a storage cannot keep is skipped by name, see `Reduction`."""
    cases = {name: case for name, case in vars_of(BackendContract).items() if name.startswith("test_")}

    assert {suite.__module__ for suite in suites()} >= MODULES
    for suite in suites():
        assert {name: case for name, case in vars_of(suite).items() if name.startswith("test_")} == cases


def vars_of(suite: type[BackendContract]) -> dict[str, object]:
    """Its attributes, inherited ones too."""
    return {name: getattr(suite, name) for name in dir(suite)}
