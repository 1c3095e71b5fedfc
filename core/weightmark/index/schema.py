"""The tables of the index. All begin with ``index_`` and can be thrown away: the ledger has everything."""

from sqlalchemy import Boolean, Column, Integer, MetaData, Table, Text

METADATA = MetaData()

SCHEMA = "4"
"""The tables' version; a change of a table takes the next number, and old tables are made anew."""

SCHEMA_KEY = "schema"

STATE = Table(
    "index_state",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

ENTRY = Table(
    "index_entry",
    METADATA,
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("statement", Text, nullable=False, index=True),
    Column("predicate_type", Text, nullable=False),
    Column("bundle", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("signers", Text, nullable=False),
    Column("issued_at", Text, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("grant_id", Text, nullable=False, index=True),
)

MODEL = Table(
    "index_model",
    METADATA,
    Column("bundle", Text, primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("owner", Text, nullable=False),
    Column("presumed", Boolean, nullable=False),
    Column("license", Text),
    Column("terms", Text),
    Column("weights", Text, index=True),
    Column("manifest", Text, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("registered_at", Text, nullable=False),
)

LIKENESS = Table(
    "index_likeness",
    METADATA,
    Column("seed", Text, primary_key=True),
    Column("bundle", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("sketch", Text, nullable=False),
)

VERSION = Table(
    "index_version",
    METADATA,
    Column("uri", Text, primary_key=True),
    Column("model", Text, nullable=False, index=True),
    Column("version", Text, nullable=False),
    Column("linkers", Text, nullable=False),
    Column("bundle", Text, nullable=False, index=True),
    Column("entry", Integer, nullable=False),
)

PARENT = Table(
    "index_parent",
    METADATA,
    Column("child", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("parent", Text),
    Column("relation", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("entry", Integer, nullable=False),
)

GRANT = Table(
    "index_grant",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("subject", Text, nullable=False, index=True),
    Column("bundle", Text, nullable=False, index=True),
    Column("licensor", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("trial", Boolean, nullable=False),
    Column("entry", Integer, nullable=False),
)

GRANT_PARTY = Table(
    "index_grant_party",
    METADATA,
    Column("party", Text, primary_key=True),
    Column("grant_id", Text, primary_key=True),
)
"""Who is or was the grantee of which grant."""

GRANT_EVENT = Table(
    "index_grant_event",
    METADATA,
    Column("entry", Integer, primary_key=True, autoincrement=False),
    Column("grant_id", Text, nullable=False, index=True),
    Column("statement", Text, nullable=False, index=True),
    Column("predicate_type", Text, nullable=False),
    Column("signers", Text, nullable=False),
    Column("licensor", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""What was said about which grant, of what counts: the grant itself, and all that changes it."""
