"""`view` is each kind of view in turn, with and without the optimizer."""

from typing import Any

import pytest

from tests.hosts.shop import SCHEMAS, VIEWS


@pytest.fixture(params=SCHEMAS)
def schema(request: pytest.FixtureRequest) -> Any:
    return SCHEMAS[request.param]


@pytest.fixture(params=VIEWS)
def view(request: pytest.FixtureRequest, schema: Any) -> Any:
    return VIEWS[request.param](schema=schema)
