"""A model's way through an Azure ML workspace with the guard in front: registered, verified, promoted.

Needs the workspace's ``config.json`` here or above, and a credential that DefaultAzureCredential finds.

    python examples/azureml_guard.py ./model --name churn --license apache-2.0
"""

import argparse
import sys

import weightmark_hooks.azureml
from weightmark.errors import RefusedError
from weightmark.workspace import Workspace


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="the model's folder")
    parser.add_argument("--name", required=True, help="what to call it in the workspace")
    parser.add_argument("--license", required=True, help="its licence, such as apache-2.0")
    parser.add_argument("--base", help="what it was derived from: azureml:NAME:VERSION, or a registered name")
    options = parser.parse_args(arguments)

    weightmark_hooks.azureml.protect()  # before the first client is made

    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Model
    from azure.identity import DefaultAzureCredential

    client = MLClient.from_config(DefaultAzureCredential())
    tags = {"license": options.license} | ({"base_model": options.base} if options.base else {})
    made = client.models.create_or_update(Model(name=options.name, path=options.model, tags=tags))
    print(f"registered {made.name} {made.version}: {made.tags['weightmark.receipt']}")

    uri = f"azureml:{made.name}:{made.version}"
    with Workspace.open() as workspace:
        print(f"verified {uri}: {workspace.verify(uri).fingerprint.bundle}")

    made.stage = "Production"
    try:
        client.models.create_or_update(made)
    except RefusedError as error:
        print(f"not promoted: {error.message}", file=sys.stderr)
        return error.exit_code
    print(f"promoted {uri}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
