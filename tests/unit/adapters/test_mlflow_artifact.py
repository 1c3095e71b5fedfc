import pytest

from weightmark.errors import MalformedError, PlatformError
from weightmark_adapters.mlflow import artifact


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Be an MLflow server that serves artifacts from a folder."""
    root = tmp_path / "store"
    (root / "0" / "run" / "artifacts").mkdir(parents=True)
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", str(root))
    return root


def bring(location):
    return artifact.bring(location, "http://127.0.0.1:5000", pytest.fail)


@pytest.mark.parametrize(
    "location",
    [
        "mlflow-artifacts:/0/run/artifacts",
        "mlflow-artifacts://127.0.0.1:5000/0/run/artifacts",
        "http://127.0.0.1:5000/api/2.0/mlflow-artifacts/artifacts/0/run/artifacts",
    ],
)
def test_a_server_reads_its_own_store(store, monkeypatch, location):
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", "mlflow-artifacts://127.0.0.1:5000/")
    assert bring(location) == store / "0" / "run" / "artifacts"


@pytest.mark.parametrize("root", [None, "mlflow-artifacts:/", "mlflow-artifacts://127.0.0.1:5000/"])
@pytest.mark.parametrize(
    "location",
    [
        "mlflow-artifacts://elsewhere/0/run/artifacts",
        "mlflow-artifacts://127.0.0.1:5000@elsewhere/0/run/artifacts",
        "http://elsewhere/api/2.0/mlflow-artifacts/artifacts/0/run/artifacts",
    ],
)
def test_another_servers_files_are_not_taken_for_the_servers_own(store, monkeypatch, location, root):
    if root:
        monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", root)
    with pytest.raises(PlatformError, match="may be others"):
        bring(location)


def test_a_destination_may_be_a_file_uri(store, monkeypatch):
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", store.as_uri())
    assert bring("mlflow-artifacts:/0/run") == store / "0" / "run"


@pytest.mark.parametrize(
    "path", ["../secret", "0/../../secret", "%2e%2e/secret", "0/%252e%252e/%252e%252e/secret"]
)
def test_a_path_cannot_climb_out_of_the_store(store, path):
    (store.parent / "secret").mkdir()
    with pytest.raises(MalformedError):
        bring(f"mlflow-artifacts:/{path}")


def test_a_link_cannot_lead_out_of_the_store(store):
    (store.parent / "secret").mkdir()
    (store / "0" / "link").symlink_to(store.parent / "secret")
    with pytest.raises(MalformedError, match="leads out"):
        bring("mlflow-artifacts:/0/link")


def test_what_is_no_location_is_said_to_be_none():
    with pytest.raises(MalformedError, match="no location"):
        bring("http://[")


@pytest.mark.parametrize("location", ["http://elsewhere/x", "https://169.254.169.254/latest", "ftp://host/x"])
def test_a_server_fetches_nothing_from_strangers(store, location):
    with pytest.raises(PlatformError, match="not in an artifact store"):
        bring(location)


def test_a_path_on_this_machine_is_used_where_it_is(tmp_path):
    assert bring(str(tmp_path)) == tmp_path
    assert bring(tmp_path.as_uri()) == tmp_path


def test_a_path_that_is_not_here_is_said_to_be(tmp_path):
    with pytest.raises(PlatformError, match="nothing on this machine"):
        bring(str(tmp_path / "none"))


class _Entry:
    def __init__(self, path, size=None):
        self.path, self.is_dir, self.file_size = path, size is None, size


class _Repository:
    def __init__(self, tree):
        self.tree = tree

    def list_artifacts(self, path):
        return self.tree.get(path, [])

    def download_artifacts(self, path, folder):
        assert path == ""
        self.folder = folder


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def download(monkeypatch, tree):
    repository = _Repository(tree)
    monkeypatch.setattr(artifact, "_repository", lambda _location, _tracking: repository)
    made = []
    path = artifact.bring("s3://bucket/model", "http://127.0.0.1:5000", made.append)
    assert made == [path]
    return repository, path


def test_a_remote_store_is_downloaded(monkeypatch):
    repository, path = download(monkeypatch, {"": [_Entry("a", 5), _Entry("b")], "b": [_Entry("b/c", 6)]})
    assert repository.folder == str(path)


def test_a_store_with_nothing_in_it(monkeypatch):
    with pytest.raises(PlatformError, match="nothing at"):
        download(monkeypatch, {})


def test_a_store_whose_names_climb_is_refused(monkeypatch):
    with pytest.raises(MalformedError):
        download(monkeypatch, {"": [_Entry("../../etc/passwd", 5)]})


def test_a_model_larger_than_the_disk_is_refused(monkeypatch):
    with pytest.raises(PlatformError, match="bytes"):
        download(monkeypatch, {"": [_Entry("a", 1 << 60)]})
