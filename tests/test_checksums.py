"""Checksums as clients write them, and the values that the algorithms are known by."""

import pytest

from fileman.checksums import HEX_DIGITS, Checksum, base64_to_hex, hasher
from fileman.errors import InvalidChecksum

SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
MD5_OF_ABC = "900150983cd24fb0d6963f7d28e17f72"
CRC32C_CHECK = "e3069283"
"""Of "123456789": the check value of the algorithm's catalogue."""


@pytest.mark.parametrize(
    ("algorithm", "data", "expected"),
    [("sha256", b"abc", SHA256_OF_ABC), ("md5", b"abc", MD5_OF_ABC), ("crc32c", b"123456789", CRC32C_CHECK),
     ("crc32c", b"\x00" * 32, "8a9136aa"), ("crc32c", b"", "00000000")],
)  # fmt: skip
def test_each_algorithm_gives_its_published_value(algorithm: str, data: bytes, expected: str) -> None:
    whole, pieces = hasher(algorithm), hasher(algorithm)
    whole.update(data)
    for index in range(len(data)):
        pieces.update(data[index : index + 1])
    assert whole.hexdigest() == pieces.hexdigest() == expected


@pytest.mark.parametrize(
    "text",
    ["", ":", "sha256", "sha256:", SHA256_OF_ABC, f"sha1:{'a' * 40}", f"SHA256:{SHA256_OF_ABC}",
     f" sha256:{SHA256_OF_ABC}", f"sha256: {SHA256_OF_ABC}", f"sha256:{SHA256_OF_ABC}\n",
     f"sha256:{SHA256_OF_ABC[:-1]}", f"sha256:{SHA256_OF_ABC}0", f"sha256:{SHA256_OF_ABC[:-1]}g",
     f"sha256:{'٣' * 64}", f"sha256::{SHA256_OF_ABC[:-1]}", f"md5:{SHA256_OF_ABC}", "md5:\ud800" + "a" * 31,
     "crc32c:0xe306928", "crc32c:-1234567"],
)  # fmt: skip
def test_a_malformed_checksum_is_refused(text: str) -> None:
    with pytest.raises(InvalidChecksum) as refusal:
        Checksum.parse(text, field=("files", "0", "checksum"))
    assert refusal.value.field == ("files", "0", "checksum")


def test_an_algorithm_that_cannot_be_verified_here_is_refused_and_the_possible_ones_are_named() -> None:
    with pytest.raises(InvalidChecksum, match="Possible algorithms: crc32c"):
        Checksum.parse(f"md5:{MD5_OF_ABC}", allowed=["crc32c"])
    with pytest.raises(InvalidChecksum, match="takes no checksum of a file of this size"):
        Checksum.parse(f"md5:{MD5_OF_ABC}", allowed=[])


@pytest.mark.parametrize(("algorithm", "digits"), HEX_DIGITS.items())
def test_storages_write_the_same_value_in_base64(algorithm: str, digits: int) -> None:
    checksum = Checksum.parse(f"{algorithm}:{'5a' * (digits // 2)}")
    assert base64_to_hex(checksum.base64) == checksum.hexdigest
    assert Checksum.parse(f"md5:{MD5_OF_ABC}").base64 == "kAFQmDzST7DWlj99KOF/cg=="
