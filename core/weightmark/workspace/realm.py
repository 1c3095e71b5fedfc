"""Realms: what makes a URI that names no server one that no other server can have.

``models:/churn/1`` is a version on whatever server somebody works with. In the ledger of a workspace of the
realm ``prod`` it is ``models://prod/churn/1``, so that several servers can share one ledger.
"""

import re
from collections.abc import Collection
from typing import Final

from weightmark.encoding import is_digest
from weightmark.index import Index, RegisteredModel
from weightmark.index.view import KnownVersion

_RELATIVE: Final = re.compile(r"(?!file:)([a-z][a-z0-9+.-]*):/(?!/)")


def into_realm(uri: str, realm: str) -> str:
    """Name the server in a URI that names none; every other one, and any without a realm, stays as it is.

    >>> into_realm("models:/churn/1", "prod"), into_realm("hf://acme/churn", "prod")
    ('models://prod/churn/1', 'hf://acme/churn')
    """
    return _RELATIVE.sub(rf"\1://{realm}/", uri, count=1) if realm and _RELATIVE.match(uri) else uri


def out_of_realm(uri: str, realm: str) -> str:
    """Give a URI of our own realm as the platform itself spells it; every other one stays as it is.

    >>> out_of_realm("models://prod/churn/1", "prod"), out_of_realm("models://test/churn/1", "prod")
    ('models:/churn/1', 'models://test/churn/1')
    """
    scheme, found, rest = uri.partition(f"://{realm}/")
    bare = f"{scheme}:/{rest}"
    return bare if realm and found and into_realm(bare, realm) == uri else uri


class RealmIndex(Index):
    """An index that is asked in the platform's own words, and answers for one realm.

    Args:
        url: where the tables are kept.
        realm: ours; empty for none.

    Raises:
        LedgerError: from every method, when the database fails.
    """

    def __init__(self, url: str, realm: str) -> None:
        super().__init__(url)
        self._realm = realm

    def find(self, reference: str) -> RegisteredModel | None:
        """Find a model, as ``Index.find``."""
        return super().find(reference if is_digest(reference) else into_realm(reference, self._realm))

    def at(self, uri: str) -> RegisteredModel | None:
        """Find what a version's URI stands for, as ``Index.at``."""
        return super().at(into_realm(uri, self._realm))

    def version(self, uri: str) -> KnownVersion | None:
        """Give what a version's URI is linked to, as ``Index.version``."""
        return super().version(into_realm(uri, self._realm))

    def linked(self, uris: Collection[str]) -> frozenset[str]:
        """Give those of several URIs that are linked, as they were asked for."""
        asked = {into_realm(uri, self._realm): uri for uri in uris}
        return frozenset(asked[uri] for uri in super().linked(asked))

    def below(self, prefix: str, most: int) -> list[RegisteredModel]:
        """Find the models that URIs with a common beginning stand for, as ``Index.below``."""
        return super().below(into_realm(prefix, self._realm), most)

    def holders(self, uri: str) -> frozenset[str]:
        """Give who may link a URI to other files, as ``Index.holders``."""
        return super().holders(into_realm(uri, self._realm))
