"""What a task passes on: its model, and nothing that only pretends to be Weightmark's."""

from dataclasses import dataclass, field

from weightmark_hooks.kubeflow.piece import pass_on


@dataclass
class Artifact:
    uri: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    path: str = ""


def test_forged_tags_are_not_passed_on_however_they_are_spelled():
    model = Artifact("s3://b/m", {"Weightmark.owner": "mallory", " weightmark.verdict": "allowed", "a": "b"})
    out = Artifact()
    pass_on(model, out, {"weightmark.owner": "acme"})
    assert out.metadata == {"a": "b", "weightmark.owner": "acme"}
