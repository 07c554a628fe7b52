"""The COCO weights are fetched once and checked; a file of this machine stands for the server."""

from __future__ import annotations

import hashlib

import pytest

from tfseg.convert import coco_file
from tfseg.convert.coco_file import fetch_coco_weights
from tfseg.errors import WeightsError

CONTENT = b"not the true weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def url(tmp_path):
    (tmp_path / "server.h5").write_bytes(CONTENT)
    return (tmp_path / "server.h5").as_uri()


def test_it_is_fetched_once_and_checked_each_time(tmp_path, url):
    path = tmp_path / "new" / "coco.h5"
    assert fetch_coco_weights(path, sha256=DIGEST.upper(), url=url) == path
    assert path.read_bytes() == CONTENT
    assert fetch_coco_weights(path, sha256=DIGEST, url="file:///nowhere") == path
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match=f"expected SHA-256 {DIGEST}; got 19 bytes"):
        fetch_coco_weights(path, sha256=DIGEST, url=url)


def test_another_file_is_refused_and_not_kept(tmp_path, url):
    path = tmp_path / "coco.h5"
    with pytest.raises(WeightsError, match=rf"expected 257557808 bytes.*got 20 bytes.*{DIGEST}"):
        fetch_coco_weights(path, url=url)
    assert [p.name for p in tmp_path.iterdir()] == ["server.h5"]


@pytest.mark.parametrize("name", ["COCO_SHA256", "COCO_MD5"])
def test_either_published_checksum_is_enough(tmp_path, url, monkeypatch, name):
    digest = hashlib.new(name[5:].lower(), CONTENT).hexdigest()
    monkeypatch.setattr(coco_file, name, digest)
    assert fetch_coco_weights(tmp_path / "coco.h5", url=url).read_bytes() == CONTENT


@pytest.mark.parametrize("address", ["file:///nowhere/coco.h5", "no address"])
def test_without_network_the_message_says_where_to_put_it(tmp_path, address):
    path = tmp_path / "coco.h5"
    with pytest.raises(WeightsError, match=f"cannot be fetched.*put it to {path}"):
        fetch_coco_weights(path, url=address)
    assert not list(tmp_path.iterdir())
