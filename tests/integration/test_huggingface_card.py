"""Cards pushed alone. Releases before 2.0 ask the public Hub about a card, wherever it is pushed."""

import pytest
from tests.integration.huggingface.world import guarded, world

from weightmark.errors import RefusedError

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
__all__ = ["guarded", "world"]

NC_CHILD = "---\nlicense: mit\nbase_model: openlab/base\n---\n# Child\n"


def test_a_model_card_that_names_a_base_that_forbids_it_is_refused_alone(guarded):
    from huggingface_hub import HfApi, ModelCard, metadata_update

    guarded.base()
    HfApi().create_repo("acme/child")
    with pytest.raises(RefusedError, match="openlab/base"):
        ModelCard(NC_CHILD).push_to_hub("acme/child")
    with pytest.raises(RefusedError, match="openlab/base"):
        metadata_update("acme/child", {"base_model": "openlab/base"})
    assert guarded.hub.calls("/commit/") == []
