import hashlib
import zlib

from thumbnails import thumbnail

PICTURE = hashlib.shake_128(b"a photograph").digest(200_000)


def test_thumbnail_can_be_read() -> None:
    assert zlib.decompress(thumbnail(PICTURE)) == PICTURE
