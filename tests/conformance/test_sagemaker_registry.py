"""SageMaker's registry under the suite that a stranger's registry must pass, on moto's server."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.integration.sagemaker import fixture
from tests.integration.sagemaker.aws import BUCKET, KEYS, Aws

from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.testing.registry import RegistrySuite
from weightmark.vocabulary import EventKind
from weightmark_adapters.sagemaker import SagemakerRegistry
from weightmark_adapters.sagemaker.metadata import decode_value

aws = fixture.aws
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


class TestSagemaker(RegistrySuite):
    registry_type = SagemakerRegistry
    unknown = "sagemaker://nothing/1"
    malformed = (
        "sagemaker:",
        "sagemaker://",
        "sagemaker://group",
        "sagemaker://group/0",
        "sagemaker://group/../1",
        "sagemaker://group@elsewhere",
        "arn:aws:s3:::models/model.tar.gz",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/churn",
        "arn:aws:sagemaker:us-east-1:1:model-package/churn/1",
    )

    @pytest.fixture(autouse=True)
    def _aws(self, aws: Aws) -> None:
        self.aws = aws

    def publish(self, folder: Path) -> str:
        return self.aws.package(self.aws.group(), self.aws.upload(folder))

    def listing(self, uri: str) -> str:
        return f"sagemaker://{uri.split('/')[1]}"

    def promote(self, uri: str) -> ModelEvent:
        self.aws.set_status(uri, "Approved")
        return ModelEvent(kind=EventKind.PROMOTE, uri=uri)

    def is_promoted(self, event: ModelEvent) -> bool:
        return self.aws.describe(event.uri)["ModelApprovalStatus"] == "Approved"

    def secrets(self) -> tuple[str, ...]:
        return (KEYS["AWS_SECRET_ACCESS_KEY"],)

    def find_alias(self, uri: str) -> str:
        self.aws.client("sagemaker").update_model_package(ModelPackageArn=uri, ModelApprovalStatus="Approved")
        return f"sagemaker://{uri.split('/')[1]}@approved"

    def read_tags(self, uri: str) -> Mapping[str, str]:
        found = self.aws.describe(uri).get("CustomerMetadataProperties", {})
        return {key: decode_value(value) for key, value in found.items()}

    def test_a_short_uri_becomes_the_arn(self, registry: Registry, uri: str) -> None:
        short = f"sagemaker://{uri.split('/')[1]}/1"
        assert registry.resolve(short).uri == registry.pin(short) == uri

    def test_a_group_with_capitals_is_found(self, registry: Registry, folder: Path) -> None:
        arn = self.aws.package(self.aws.group("Churn-Model"), self.aws.upload(folder))
        assert arn.endswith(":model-package/churn-model/1")
        assert registry.pin("sagemaker://Churn-Model/1") == arn

    def test_files_that_are_not_packed_come_back(self, registry: Registry, folder: Path) -> None:
        for file in folder.rglob("*"):
            if file.is_file():
                key = f"plain/{file.relative_to(folder)}"
                self.aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
        source = {"S3Uri": f"s3://{BUCKET}/plain/", "S3DataType": "S3Prefix", "CompressionType": "None"}
        container = {"Image": "serve:1", "ModelDataSource": {"S3DataSource": source}}
        arn = self.aws.package(
            self.aws.group(),
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
        self.test_the_same_bytes_come_back(registry, arn)
