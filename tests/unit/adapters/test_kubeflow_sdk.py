"""Which failures of Kubeflow's libraries may pass by themselves."""

import errno
import socket

import pytest

from weightmark.errors import PlatformError
from weightmark_adapters.kubeflow import sdk


def wrapped(error: Exception) -> PlatformError:
    with pytest.raises(PlatformError) as caught, sdk.speaking("s3://bucket/key"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError("no"), TimeoutError(), socket.gaierror("no"), OSError(errno.ENETUNREACH, "no")],
)
def test_a_network_that_fails_can_be_tried_again(error):
    assert wrapped(error).retryable


@pytest.mark.parametrize(
    "error",
    [
        FileExistsError(errno.EEXIST, "it is there", "a"),
        NotADirectoryError(errno.ENOTDIR, "no folder", "a"),
        OSError(errno.ENOSPC, "no space", "a"),
        PermissionError(errno.EACCES, "no", "a"),
    ],
)
def test_a_disk_that_fails_is_not_the_network(error):
    found = wrapped(error)
    assert not found.retryable
    assert "reached" not in found.hint
