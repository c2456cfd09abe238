"""Several files in one request: places, limits, all or nothing, replays, metadata, and what they cost."""

from fileman.models import File, FileManager, StorageUsage
from tests.api import Api, error
from tests.flows.http_client import Json, codes

GOOD: Json = {"filename": "good.txt", "size": 3}
BAD: Json = {"filename": "b/ad.txt", "size": 3}


def reserved_bytes() -> int:
    return sum(StorageUsage.objects.values_list("bytes", flat=True))


def test_two_good_files_and_a_bad_one_keep_their_places(api: Api, manager: FileManager) -> None:
    payload = api.initiate(
        {"filename": "first.txt", "size": 3, "clientRef": "one"},
        {"filename": "se/cond.txt", "size": 5, "clientRef": "two"},
        {"filename": "third.txt", "size": 7, "clientRef": "three"},
    )

    assert (payload["success"], payload["errors"]) == (False, [])
    first, second, third = payload["files"]
    assert [ticket["index"] for ticket in payload["files"]] == [0, 1, 2]
    assert [ticket["clientRef"] for ticket in payload["files"]] == ["one", "two", "three"]
    assert (second["file"], second["uploadToken"], second["instructions"]) == (None, None, None)
    refusal = "The filename must not contain a path. Send the name alone."
    assert second["errors"] == [error("INVALID_FILENAME", refusal, ["files", "1", "filename"])]
    for ticket, data in ((third, b"ccccccc"), (first, b"aaa")):
        assert api.send(ticket["instructions"], data) == [201]
        file = api.finalize(ticket["uploadToken"])["file"]
        assert b"".join(api.download(file["downloadUrl"])) == data
    assert sorted(File.objects.values_list("original_filename", flat=True)) == ["first.txt", "third.txt"]
    assert reserved_bytes() == 10


def test_an_atomic_batch_with_a_refusal_starts_nothing(api: Api, manager: FileManager) -> None:
    payload = api.initiate(GOOD, BAD, GOOD, atomic=True)

    assert (payload["success"], payload["errors"]) == (False, [])
    found = [codes(ticket) for ticket in payload["files"]]
    assert found == [["UPLOAD_ABORTED"], ["INVALID_FILENAME"], ["UPLOAD_ABORTED"]]
    assert [ticket["file"] for ticket in payload["files"]] == [None] * 3
    assert [ticket["uploadToken"] for ticket in payload["files"]] == [None] * 3
    assert (File.objects.count(), reserved_bytes()) == (0, 0)


class TestIdempotencyKeys:
    def test_the_same_key_and_input_replay_the_same_uploads(self, api: Api, manager: FileManager) -> None:
        """The tokens are the same too; an instruction of either response may be used."""
        first = api.initiate(GOOD, GOOD, idempotencyKey="k")
        again = api.initiate(GOOD, GOOD, idempotencyKey="k")

        assert [t["file"]["id"] for t in again["files"]] == [t["file"]["id"] for t in first["files"]]
        assert [t["replayed"] for t in first["files"] + again["files"]] == [False, False, True, True]
        assert (File.objects.count(), reserved_bytes()) == (2, 6)
        assert [t["uploadToken"] for t in again["files"]] == [t["uploadToken"] for t in first["files"]]
        for ticket, response, data in zip(first["files"], (first, again), (b"abc", b"xyz"), strict=True):
            instructions = response["files"][ticket["index"]]["instructions"]
            assert api.send(instructions, data) == [201]
            assert api.finalize(ticket["uploadToken"])["success"]

    def test_a_finished_file_comes_back_without_token_and_instructions(self, api: Api, manager: FileManager) -> None:
        done, aborted = api.initiate(GOOD, GOOD, idempotencyKey="k")["files"]
        api.send(done["instructions"], b"abc")
        api.finalize(done["uploadToken"])
        api.abort(aborted["uploadToken"])

        payload = api.initiate(GOOD, GOOD, idempotencyKey="k")

        assert [t["file"]["uploadStatus"] for t in payload["files"]] == ["COMPLETED", "ABORTED"]
        replayed = [(t["uploadToken"], t["instructions"], t["replayed"]) for t in payload["files"]]
        assert replayed == [(None, None, True)] * 2


def test_metadata_is_merged_from_batch_file_and_finalize(api: Api, manager: FileManager) -> None:
    """That of the file wins over that of the batch, and that of finalize over both. No key has a meaning."""
    own = {"category": "invoice", "page": 1, "upload_status": "completed", "is_public": True, "file_size": 1}
    payload = api.initiate(
        {**GOOD, "metadata": own}, GOOD, metadata={"source": "web", "category": "any", "deep": {"a": [1, None]}}
    )
    first, second = payload["files"]
    shared = {"source": "web", "category": "any", "deep": {"a": [1, None]}}
    assert first["file"]["metadata"] == {**shared, **own}
    assert second["file"]["metadata"] == shared
    assert (first["file"]["uploadStatus"], first["file"]["isPublic"]) == ("PENDING", False)
    api.send(first["instructions"], b"abc")

    done = api.finalize(first["uploadToken"], metadata={"processing_complete": True, "page": 2})["file"]

    assert done["metadata"] == {**shared, **own, "page": 2, "processing_complete": True}
    assert (done["fileSize"], done["isPublic"]) == (3, False)
    again = api.file(done["id"])
    assert again is not None
    assert again == {**done, "downloadUrl": again["downloadUrl"]}  # signed anew, perhaps in another second
    assert File.objects.get(original_filename="good.txt", upload_status="pending").metadata == shared
