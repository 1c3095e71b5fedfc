"""Every word that leaves the house: predicate URIs, media types, tag keys, event kinds.

Adapters and hooks spell none of these by hand. A word, once released, is never given another meaning.
"""

from enum import StrEnum
from typing import Final

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
BUNDLE_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
MANIFEST_MEDIA_TYPE: Final = "application/vnd.weightmark.manifest.v1+json"
PROOF_MEDIA_TYPE: Final = "application/vnd.weightmark.proof.v1+json"
REVOKED_TOKENS_MEDIA_TYPE: Final = "application/vnd.weightmark.revoked-tokens.v1+json"
SKETCH_MEDIA_TYPE: Final = "application/vnd.weightmark.sketch.v1+json"
TRUST_ROOT_MEDIA_TYPE: Final = "application/vnd.weightmark.trustroot.v1+json"
UPDATE_MEDIA_TYPE: Final = "application/vnd.weightmark.update.v1+json"
USAGE_CHAIN_MEDIA_TYPE: Final = "application/vnd.weightmark.usage-chain.v1+json"
USAGE_TOTALS_MEDIA_TYPE: Final = "application/vnd.weightmark.usage-totals.v1"
SCHEMA_VERSION: Final = "1"

PASSPHRASE: Final = "WEIGHTMARK_PASSPHRASE"  # noqa: S105 - the variable's name, not its value
"""The environment variable that holds the passphrase of protected keys."""

HOOKS: Final = "WEIGHTMARK_HOOKS"
"""The environment variable that names the platforms to guard in every Python process, joined by commas."""


class Predicate(StrEnum):
    """The type of a statement's predicate."""

    REGISTRATION = "https://weightmark.dev/registration/v1"
    VERSION = "https://weightmark.dev/version/v1"
    DERIVATION = "https://weightmark.dev/derivation/v1"
    TRANSFER = "https://weightmark.dev/transfer/v1"
    TERMS = "https://weightmark.dev/terms/v1"
    GRANT = "https://weightmark.dev/grant/v1"
    REVOCATION = "https://weightmark.dev/revocation/v1"
    CONSENT = "https://weightmark.dev/consent/v1"
    AMENDMENT = "https://weightmark.dev/amendment/v1"
    SUSPENSION = "https://weightmark.dev/suspension/v1"
    REINSTATEMENT = "https://weightmark.dev/reinstatement/v1"
    RENEWAL = "https://weightmark.dev/renewal/v1"
    ASSIGNMENT = "https://weightmark.dev/assignment/v1"
    SEAT = "https://weightmark.dev/seat/v1"
    USAGE = "https://weightmark.dev/usage/v1"
    UPDATE = "https://weightmark.dev/update/v1"


class EventKind(StrEnum):
    """What a platform is about to do with a model; each kind has its gate."""

    LOG = "log"
    REGISTER = "register"
    PROMOTE = "promote"
    PUSH = "push"
    DEPLOY = "deploy"
    LOAD = "load"


class Tag(StrEnum):
    """Keys that Weightmark writes to a platform; they are reserved, a platform's users cannot set them."""

    FINGERPRINT = "weightmark.fingerprint"
    WEIGHTS = "weightmark.weights"
    RECEIPT = "weightmark.receipt"
    LICENSE = "weightmark.license"
    OWNER = "weightmark.owner"
    VERDICT = "weightmark.verdict"
    REASON = "weightmark.reason"
    CREDITS = "weightmark.credits"
    LINK = "weightmark.link"
    SEEN = "weightmark.seen"


class RunTag(StrEnum):
    """Keys that say on a platform's run that Weightmark looked on."""

    VERSION = "weightmark.version"
    PARTY = "weightmark.party"
    LEDGER = "weightmark.ledger"


TAG_PREFIX: Final = "weightmark."


def is_reserved(key: str) -> bool:
    """Say whether a tag's key is one that Weightmark alone writes, however it is spelled."""
    return str(key).strip().lower().startswith(TAG_PREFIX)


class Fact(StrEnum):
    """Keys that a platform's users may set, in tags or metadata, and that Weightmark reads."""

    LICENSE = "license"
    BASE_MODEL = "base_model"
    BASE_MODEL_RELATION = "base_model_relation"
    OWNER = "owner"
    DATASETS = "datasets"
    EVALUATED_ON = "evaluated_on"


class DigestKey(StrEnum):
    """Keys of a subject's digest set, without the algorithm: ``weightmark-bundle-sha256``."""

    BUNDLE = "weightmark-bundle"
    WEIGHTS = "weightmark-weights"
