"""Documents over the limits are refused before they are validated."""

from functools import lru_cache
from typing import Any

import pytest
from django.test import Client
from graphql import get_introspection_query, parse
from pytest_django import Settings

from fileman.conf import BATCH_CAP
from fileman.graphql import Mutation, Query, Schema, extensions
from fileman.graphql.extensions import DEFAULT_LIMITS
from fileman.graphql.http.query_limits import DocumentLimits, find_excess
from tests.api import Api

Caches = list[list[Any]]


def code_and_message(query: str, variables: dict[str, Any] | None = None) -> tuple[str, str]:
    body = {"query": query, "variables": variables}
    response = Client().post("/graphql", body, content_type="application/json")
    assert response.status_code == 200
    body = response.json()
    assert "data" not in body
    error: dict[str, Any] = body["errors"][0]
    return error["extensions"]["code"], error["message"]


def nested(levels: int) -> str:
    """Return a document with that many nested fields. It is not valid, but can be measured."""
    return "{ " + "a { " * (levels - 1) + "a" + " }" * (levels - 1) + " }"


def chained(count: int) -> str:
    """Return fragments that each spread the next one twice: 2^count selections in a few bytes."""
    links = [f"fragment f{n} on User {{ ...f{n + 1} ...f{n + 1} }}" for n in range(count)]
    return "\n".join(["{ viewer { ...f0 } }", *links, f"fragment f{count} on User {{ id }}"])


def aliases(count: int, selection: str) -> str:
    return " ".join(f"a{n}: {selection}" for n in range(count))


TOO_MUCH = {
    "11 levels": (nested(11), "10 levels of fields"),
    "11 levels through a fragment": (f"{{ a {{ ...deep }} }} fragment deep on T {nested(10)}", "10 levels of fields"),
    "16 aliases": (f"{{ {aliases(16, 'viewer { id }')} }}", "15 aliases"),
    "9 aliases in a fragment, spread 20 times": (
        f"{{ viewer {{ {'...nine ' * 20} }} }} fragment nine on User {{ {aliases(9, 'username')} }}", "15 aliases",
    ),
    "302 fields": (f"{{ {'viewer { id } ' * 151} }}", "300 fields"),
    "2^40 fields in fragments that spread one another": (chained(40), "300 fields"),
}  # fmt: skip
UNUSED_FRAGMENT = "Each fragment must be used, and have a name of its own."
UNUSED = "fragment unused on Query { viewer { id } }"
TOO_SLOW = {
    "92 equal fields, which validation would compare with one another": (
        f"{{ {'viewer { id } ' * 46} }}", "The document selects the same fields too often.",
    ),
    "the same in two operations": (
        f"query a {{ {'viewer { id } ' * 27} }} query b {{ {'viewer { id } ' * 27} }}",
        "The document selects the same fields too often.",
    ),
    "51 definitions, each compared with all others": (
        f"{{ viewer {{ {' '.join(f'...f{n}' for n in range(50))} }} }}"
        + " ".join(f"fragment f{n} on User {{ x{n} }}" for n in range(50)),
        "A document may have at most 50 operations and fragments.",
    ),
    "a fragment that nothing spreads": (f"{{ __typename }} {UNUSED}", UNUSED_FRAGMENT),
    "fragments that spread only one another": (
        "{ __typename } fragment a on Query { ...b } fragment b on Query { ...a }", UNUSED_FRAGMENT,
    ),
    "two fragments of one name": (
        f"{{ ...unused }} {UNUSED} {UNUSED}", UNUSED_FRAGMENT
    ),
}  # fmt: skip


REFUSED = TOO_SLOW | {key: (query, f"An operation may have at most {most}.") for key, (query, most) in TOO_MUCH.items()}


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_over_a_limit_is_refused_before_it_is_validated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation takes up to quadratic time."""
    monkeypatch.setattr(extensions, "validate", lambda *_, **__: pytest.fail("validation was entered"))
    query, refusal = REFUSED[name]

    assert code_and_message(query) == ("QUERY_TOO_COMPLEX", refusal)


PAGE_FIELDS = "edges { node { id group { id } uploadedBy { id } fileManager { id group { id } } } }"
NINE = aliases(9, "viewer { id }")
ACCEPTED = {
    "ten levels": nested(10),
    "fields of one name in different places": f"{{ {aliases(15, f'files {{ {PAGE_FIELDS} }}')} }}",
    "operations, each within the limits": f"query A {{ {NINE} }} query B {{ {NINE} }}",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_document_within_the_limits_is_accepted(name: str) -> None:
    assert find_excess(parse(ACCEPTED[name]), DEFAULT_LIMITS) is None


def test_a_project_passes_its_own_limits() -> None:
    schema = Schema(query=Query, mutation=Mutation, limits=DocumentLimits(depth=2, fields=400))

    refused = schema.execute_sync("{ files { edges { cursor } } }")
    measured = schema.execute_sync(f"{{ {'a ' * 350} }}")

    assert [error.message for error in refused.errors or ()] == ["An operation may have at most 2 levels of fields."]
    assert not [error for error in measured.errors or () if "at most" in error.message]


@pytest.mark.django_db
def test_fifteen_aliases_are_accepted(anonymous: Api) -> None:
    assert anonymous.call(f"{{ {aliases(15, 'viewer { id }')} }}") == {f"a{n}": None for n in range(15)}


@pytest.mark.parametrize(
    "query",
    [
        "{ viewer { ...a } } fragment a on User { ...a }",
        "{ viewer { ...a } } fragment a on User { ...b } fragment b on User { ...a }",
        "{ viewer { ...a } } fragment a on User { id ...b } fragment b on User { username ...c } "
        "fragment c on User { ...a ...b }",
        "{ viewer { ...nowhere } }",
    ],
)
def test_circular_and_unknown_fragments_are_a_validation_error(query: str) -> None:
    code, message = code_and_message(query)

    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert message.startswith(("Cannot spread fragment", "Unknown fragment 'nowhere'"))


UPDATE = 'mutation { updateFile(input: {id: "x", metadata: %s}) { success } }'


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("{ " + "viewer " * 999 + "}", "more than 1000 tokens"),
        (UPDATE % ("[" * 900 + "]" * 900), "nested too deeply"),
        (UPDATE % ("{a:" * 400 + "1" + "}" * 400), "nested too deeply"),
    ],
)
def test_what_takes_long_to_parse_is_refused_with_a_code(query: str, said: str) -> None:
    code, message = code_and_message(query)

    assert code == "GRAPHQL_PARSE_FAILED"
    assert said in message


def test_the_standard_introspection_query_runs_in_development(settings: Settings, anonymous: Api) -> None:
    """It is deeper than ten levels, but exempt."""
    settings.DEBUG = True

    data = anonymous.call(get_introspection_query())

    assert "File" in {one["name"] for one in data["__schema"]["types"]}


@pytest.mark.parametrize("query", ["{ __schema { types { name } } }", '{ __type(name: "File") { name } }'])
def test_introspection_is_refused_in_production(query: str, settings: Settings) -> None:
    settings.DEBUG = False

    code, message = code_and_message(query)

    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert "introspection" in message


@pytest.mark.parametrize("query", ["{ fille { id } }", "{ viewer { usernam } }", '{ file(idd: "x") { id } }'])
@pytest.mark.parametrize("debug", [False, True])
def test_names_are_suggested_in_development_only(query: str, debug: bool, settings: Settings) -> None:
    settings.DEBUG = debug

    assert ("Did you mean '" in code_and_message(query)[1]) is debug


@pytest.mark.django_db
def test_a_refused_document_calls_no_resolver(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert code_and_message(f"{{ {aliases(16, 'fileManagers { totalCount }')} }}")[0] == "QUERY_TOO_COMPLEX"


class TestInvalidDocuments:
    """Errors quote the document. They must neither grow to megabytes nor stay in memory."""

    def refuse(self, query: str) -> dict[str, Any]:
        response = Client().post("/graphql", {"query": query}, content_type="application/json")
        assert len(response.content) < 12_000
        body: dict[str, Any] = response.json()
        assert {error["extensions"]["code"] for error in body["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}
        return body

    def test_at_most_ten_errors_are_reported(self) -> None:
        body = self.refuse("{ " + " ".join(f"x{n}" for n in range(11)) + " }")

        messages = [error["message"] for error in body["errors"]]
        assert messages[:10] == [f"Cannot query field 'x{n}' on type 'Query'." for n in range(10)]
        assert messages[10:] == ["Too many validation errors, error limit reached. Validation aborted."]

    def test_a_quote_of_the_document_is_cut(self) -> None:
        unknown = " ".join(f"x{n}: 1" for n in range(50))
        body = self.refuse(f'{{ files(filters: {{ {unknown} a: "{"y" * 30_000}" }}) {{ totalCount }} }}')

        assert body["errors"][0]["message"].startswith("Expected value of type 'FileFilter'")
        assert [len(error["message"]) for error in body["errors"][:10]] == [500] * 10
        assert body["errors"][0]["message"].endswith("…")

    def test_invalid_documents_are_not_cached(self, caches: Caches) -> None:
        self.refuse("{ nothing_of_this_name }")

        assert caches == [[]]


@pytest.fixture
def caches(monkeypatch: pytest.MonkeyPatch) -> Caches:
    """What the cache holds, by document; it is empty before."""
    places: Caches = []
    new = extensions._get_place.__wrapped__

    def get_place(*given: Any) -> list[Any]:
        places.append(new(*given))
        return places[-1]

    monkeypatch.setattr(extensions, "_get_place", lru_cache(maxsize=extensions.CACHED_DOCUMENTS)(get_place))
    return places


DELETE_FILES = "mutation ($input: DeleteFilesInput!) { deleteFiles(input: $input) { errors { code } } }"
DELETE_TWICE = """mutation ($input: DeleteFilesInput!) {
    a: deleteFiles(input: $input) { success } b: deleteFiles(input: $input) { success } }"""
DELETE_IN_FRAGMENTS = """mutation ($input: DeleteFilesInput!) { ...f } fragment f on Mutation { ...g ...h }
    fragment g on Mutation { a: deleteFiles(input: $input) { success } b: deleteFiles(input: $input) { success } }
    fragment h on Mutation { c: deleteFiles(input: $input) { success } }"""
UPDATE_FILE = "mutation ($input: UpdateFileInput!) { updateFile(input: $input) { errors { code } } }"
INITIATE = "mutation ($input: InitiateUploadInput!) { initiateUpload(input: $input) { errors { code } } }"


@pytest.mark.parametrize(
    ("document", "given"),
    [
        (DELETE_FILES, {"ids": ["x"] * 999}),
        (DELETE_FILES, {"ids": ["x"] * 25_000}),
        (DELETE_FILES, {f"unknown{n}": 1 for n in range(1001)}),
        (INITIATE, {"files": [{"filename": "a", "size": 1}] * 125}),
        (DELETE_TWICE, {"ids": ["x"] * 500}),
        (DELETE_IN_FRAGMENTS, {"ids": ["x"] * 334}),
    ],
    ids=["list", "long list", "unknown keys", "objects, whose absent fields count", "used twice", "used in fragments"],
)
def test_more_than_1000_values_are_not_coerced(document: str, given: dict[str, Any]) -> None:
    refusal = code_and_message(document, {"input": given})

    assert refusal == ("QUERY_TOO_COMPLEX", "The variables may have at most 1000 values.")


@pytest.mark.parametrize(
    ("document", "given"),
    [
        (DELETE_FILES, {"ids": ["x"] * 998}),
        (UPDATE_FILE, {"id": "x", "metadata": {"a": [1] * 9000}}),
        (INITIATE, {"files": [{"filename": "a", "size": 1, "checksum": "md5:0", "metadata": {"a": 1}}] * BATCH_CAP}),
    ],
    ids=["1000", "a JSON scalar counts as one", "the largest batch"],
)
def test_1000_values_reach_the_resolver(document: str, given: dict[str, Any], anonymous: Api) -> None:
    (payload,) = anonymous.call(document, {"input": given}).values()

    assert payload["errors"]


@pytest.mark.django_db
def test_a_valid_document_is_parsed_and_validated_once(anonymous: Api, caches: Caches, monkeypatch: Any) -> None:
    query = "{ me_only_here: viewer { id } }"
    assert anonymous.call(query) == {"me_only_here": None}
    monkeypatch.setattr(extensions, "validate", lambda *_, **__: pytest.fail("validation was entered"))

    assert anonymous.call(query) == {"me_only_here": None}

    assert len(caches) == 1


@pytest.mark.django_db
def test_long_documents_are_not_cached(anonymous: Api, caches: Caches) -> None:
    """Documents, not only their texts, stay below 50 MB in all."""
    assert anonymous.call("{ viewer { id } } #" + " " * extensions.CACHED_CHARACTERS) == {"viewer": None}

    assert caches == []
    assert extensions.CACHED_DOCUMENTS * extensions.CACHED_CHARACTERS == 512 * 1024
