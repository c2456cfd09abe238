"""Each test of the API also compares the responses of the library's executor with those of ours."""

import pytest

from schema import schema
from tests.graphql.comparison import Compared


@pytest.fixture(autouse=True)
def _compared_executors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "execution_context_class", Compared)
