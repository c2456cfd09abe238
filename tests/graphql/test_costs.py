"""No anonymous request below the limits is expensive. Its cost is the number of Python functions that it calls."""

import json
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import pytest
from django.test import Client
from pytest_django import Settings

# `{ __typename }` calls about 1,000; 120,000 take 40 ms of a core that calls 3 million in a second.
MOST_CALLS = 120_000
FIELDS = ("id", "viewer{id}", "totalCount", "nowhere", "files{totalCount}", "username", "__typename", "node", "x{y}")
AROUND = ("viewer{%s}", "files{edges{node{%s}}}", "fileManagers{%s}", 'file(id:"x"){%s}', "...on Query{%s}", "%s")
NUMBERS = (0, 0, 1, 1, 2, 7, 15, 24, 49, 120, 300, 700, 2000)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How many of what a request has. Many shapes are over a limit, and most are not valid."""

    operations: int
    fragments: int
    spreads: int
    around: int
    repeated: int
    fields: int
    names: int
    aliases: int
    directives: int
    literals: int
    variables: int
    objects: int
    numbers: int

    @classmethod
    def draw(cls, chance: random.Random) -> Self:
        return cls(**{one.name: chance.choice(NUMBERS) for one in fields(cls)})

    def mutated(self, chance: random.Random) -> Self:
        return replace(self, **{chance.choice(fields(self)).name: chance.choice(NUMBERS)})

    def to_body(self) -> bytes:
        chosen = join(FIELDS[n % min(self.names + 1, len(FIELDS))] for n in range(self.fields)) or "__typename"
        directives = join("@include(if:true)" for _ in range(self.directives))
        inner = AROUND[self.around % len(AROUND)] % f"{chosen} __typename {directives}"
        literals = f"l:files(ordering:[{join('{created:ASC}' for _ in range(self.literals))}]){{totalCount}}"
        aliases = join(f"a{n}:files{{totalCount edges{{node{{id}}}}}}" for n in range(self.aliases))
        used = join(f"v{n}:files(ordering:$v{n}){{totalCount}}" for n in range(self.variables))
        declared = f"({join(f'$v{n}:[FileOrder!]!' for n in range(self.variables))})" if self.variables else ""
        body = f"{join(inner for _ in range(self.repeated))} {aliases} {used} {literals} {self._spread(0)}"
        operations = join(f"query q{n}{declared}{{{body}}}" for n in range(self.operations))
        fragments = join(f"fragment f{n} on Query{{{inner} {self._spread(n + 1)}}}" for n in range(self.fragments))
        values: list[Any] = [{"created": "ASC"}] * self.objects + [1] * self.numbers
        variables = {f"v{n}": values for n in range(min(self.variables, 20))}
        return json.dumps({"query": operations + fragments, "variables": variables, "operationName": "q0"}).encode()

    def _spread(self, first: int) -> str:
        return join(f"...f{n}" for n in range(first, min(first + self.spreads, self.fragments)))


def join(parts: Iterable[str]) -> str:
    """Join as many of the parts as a document has room for."""
    text = ""
    for part in parts:
        if len(text) + len(part) > 30_000:
            break
        text += f"{part} "
    return text


def count_calls(body: bytes) -> int:
    """Post the body, and return how many functions that called."""
    calls = 0

    def on_event(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    client = Client()
    sys.setprofile(on_event)
    try:
        client.post("/graphql", body, content_type="application/json")
    finally:
        sys.setprofile(None)
    return calls


def find_worst(seed: int, *, random_shapes: int, mutations: int) -> tuple[int, Shape]:
    """Search from random shapes to worse and worse ones."""
    chance = random.Random(seed)
    tried = [(count_calls(shape.to_body()), shape) for shape in (Shape.draw(chance) for _ in range(random_shapes))]
    worst = sorted(tried, key=lambda one: one[0])[-5:]
    for _ in range(mutations):
        shape = chance.choice(worst)[1].mutated(chance)
        worst = sorted([*worst, (count_calls(shape.to_body()), shape)], key=lambda one: one[0])[-5:]
    return worst[-1]


@pytest.fixture(autouse=True)
def _production(settings: Settings, db: None) -> None:
    settings.DEBUG = False


def test_a_search_over_shapes_finds_no_expensive_request() -> None:
    calls, shape = find_worst(1, random_shapes=20, mutations=20)

    assert 5_000 < calls < MOST_CALLS, shape


BATCH = "initiateUpload(input: $input) { errors { code } }"
LISTS: dict[str, tuple[str, dict[str, Any]]] = {
    "the longest batch": (
        f"mutation ($input: InitiateUploadInput!) {{ {BATCH} }}", {"files": [{"filename": "a", "size": 1}] * 124},
    ),
    "a batch in each of 15 aliases": (
        f"mutation ($input: InitiateUploadInput!) {{ {join(f'a{n}: {BATCH}' for n in range(15))} }}",
        {"files": [{"filename": "a", "size": 1}] * 100},
    ),
    "a filter in each of 15 aliases": (
        f"query ($input: FileFilter) {{ {join(f'a{n}: files(filters: $input) {{ totalCount }}' for n in range(15))} }}",
        {"uploadStatusIn": ["COMPLETED"] * 900},
    ),
    "enums in the document": (f"{{ files(filters: {{uploadStatusIn: [{'FAILED ' * 980}]}}) {{ totalCount }} }}", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_long_lists_are_not_expensive(name: str) -> None:
    """strawberry converts an argument again for each field that has it"""
    document, given = LISTS[name]

    assert count_calls(json.dumps({"query": document, "variables": {"input": given}}).encode()) < MOST_CALLS


def test_many_lists_in_the_variables_are_not_expensive() -> None:
    assert count_calls(json.dumps({"query": "{ __typename }", "variables": {"a": [[]] * 60_000}}).encode()) < 5_000


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 4))
def test_longer_searches_find_none(seed: int) -> None:
    calls, shape = find_worst(seed, random_shapes=100, mutations=150)

    assert 5_000 < calls < MOST_CALLS, shape
