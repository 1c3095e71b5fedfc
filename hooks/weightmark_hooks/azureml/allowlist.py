"""The models that may be deployed, as Azure's own policy takes them, which holds everybody.

``[Preview]: Azure Machine Learning Deployments should only use approved Registry Models`` has a parameter
``allowedAssetIds``, which this writes:
``python -m weightmark_hooks.azureml.allowlist azureml://registries/shared > parameters.json``.
"""

import json
import sys
from collections.abc import Iterable

from weightmark.errors import WeightmarkError
from weightmark.licensing import Action
from weightmark.workspace import Workspace
from weightmark_adapters.azureml import AzuremlRegistry


def allowed_assets(workspace: Workspace, registries: Iterable[str]) -> list[str]:
    """Give the exact URIs of the versions that are registered and may be deployed now.

    Args:
        workspace: whose ledger is read, and for whose party it is decided.
        registries: URIs of registries: ``azureml://registries/shared``.

    Raises:
        WeightmarkError: Azure or the ledger cannot be read.
    """
    platform = AzuremlRegistry()
    listed = (version.uri for registry in registries for version in platform.versions(registry))
    return sorted(uri for uri in listed if _may_deploy(workspace, uri))


def write_parameters(workspace: Workspace, registries: Iterable[str]) -> str:
    """Write the parameters for ``az policy assignment create --params``.

    Raises:
        WeightmarkError: Azure or the ledger cannot be read.
    """
    value = {
        "effect": {"value": "Deny"},
        "allowedAssetIds": {"value": allowed_assets(workspace, registries)},
    }
    return json.dumps(value, indent=2) + "\n"


def _may_deploy(workspace: Workspace, uri: str) -> bool:
    """Decide by what is recorded; no file is read."""
    workspace.resources.catch_up()
    linked = workspace.resources.index.at(uri) is not None
    return linked and workspace.check(uri, Action.DEPLOY).allowed


def main(registries: list[str]) -> int:
    """Write the parameters for the registries that the command line names.

    Returns:
        The exit code.
    """
    try:
        with Workspace.open() as workspace:
            sys.stdout.write(write_parameters(workspace, registries))
    except WeightmarkError as error:
        sys.stderr.write(f"error: {error.message}\nhint:  {error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
