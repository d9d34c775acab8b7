"""The tables of the database.

Statements are few and have many columns; claims are many and have two columns. Statements are only appended, never
changed: a correction is a new statement. Times are whole seconds since 1970, UTC. Digests have 32 bytes. A position is
an index in the log, which starts at 1.
"""

import re

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)


def is_partition(table: str) -> bool:
    """Return whether the table with this name is a partition of the claims table."""
    return re.fullmatch(r"claims_\d+", table) is not None


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One row, with the newest position. Every writer of statements locks it until commit, and takes the next position.
head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

statements = Table(
    "statements",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("organization", ForeignKey("organizations.id"), nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),  # RFC 8785, at most 16 KiB
    Column("digest", LargeBinary(32), nullable=False),
)

organizations = Table(
    "organizations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("position", BigInteger, nullable=False, unique=True),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("organization", ForeignKey("organizations.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", String(40), nullable=False),  # names, separated by a space
    Column("secret", LargeBinary(32), nullable=False),  # SHA-256 of the secret part of the key
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("organization", ForeignKey("organizations.id"), nullable=False),
    Column("name", String(201), nullable=False, unique=True),  # organization/name
    Column("profile", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("position", BigInteger, nullable=False, unique=True),
)

models = Table(
    "models",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("organization", ForeignKey("organizations.id"), nullable=False),
    Column("name", String(302), nullable=False, unique=True),  # organization/name@version
    Column("title", Text, nullable=False),
    Column("trained_on", Text, nullable=False),  # JSON
    Column("declared", Integer),  # the generation that its organization stated
    Column("served_from", BigInteger),
    Column("position", BigInteger, nullable=False, unique=True),
)

# The generations of models, computed from training data. At a position, the newest derivation up to it is valid.
derivations = Table(
    "derivations",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("model", ForeignKey("models.id"), nullable=False, index=True),
    Column("generation", SmallInteger, nullable=False),  # 1 to firsthand.schemas.base.MAX_GENERATION
    Column("lower_bound", Boolean(create_constraint=False), nullable=False),
    Column("basis", String(16), nullable=False),
    Column("counts", Text, nullable=False),  # JSON
)

registrations = Table(
    "registrations",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False, unique=True),
    Column("organization", ForeignKey("organizations.id"), nullable=False),
    Column("dataset", ForeignKey("datasets.id"), nullable=False),
    Column("origin", SmallInteger, nullable=False),  # index into firsthand.core.verdicts.ORIGINS
    Column("model", ForeignKey("models.id")),
    Column("evidence", String(16), nullable=False),
    Column("collected_at", BigInteger),
    Column("registered_at", BigInteger, nullable=False),
    Column("items", Integer, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("has_size", Boolean(create_constraint=False), nullable=False),
    Column("has_confidence", Boolean(create_constraint=False), nullable=False),
    # the items are in the blocks with the id `block`, which other registrations may share, from the index `start`
    Column("block", BigInteger, nullable=False),
    Column("start", Integer, nullable=False),
)

# The large table, for look-ups. It has only two columns, no foreign key (which would be checked for each of a million
# rows) and no other index. On PostgreSQL it may have partitions `claims_0`, `claims_1`, … (FIRSTHAND_CLAIM_PARTITIONS).
claims = Table(
    "claims",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("registration", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# The digests of registrations, at most 65,536 per block, with their aligned columns. The digests of each registration
# are sorted. Mixes, lists and exports read blocks. Small statements of a batch that make the same claim share a block,
# whose id (`registration`) is the id of the first of them: see block_layout.py.
blocks = Table(
    "blocks",
    metadata,
    Column("registration", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digests", LargeBinary, nullable=False),
    Column("size", LargeBinary),  # uint32 little-endian
    Column("confidence", LargeBinary),  # uint8
)

# All digests whose claims differ in origin, model or generation, or with a disputed claim, or that a partial withdrawal
# names. A mix judges them by all their claims. The table may have digests without need, but none may be missing.
overlaps = Table(
    "overlaps",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    sqlite_with_rowid=False,
)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("statement", BigInteger, nullable=False, index=True),  # the position of the withdrawn statement
    Column("whole", Boolean(create_constraint=False), nullable=False),
    Column("items", Integer, nullable=False),
    Column("reason", Text, nullable=False),
)

withdrawn_items = Table(
    "withdrawn_items",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("registration", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

disputes = Table(
    "disputes",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("organization", ForeignKey("organizations.id"), nullable=False),
    Column("registration", BigInteger, nullable=False, index=True),
    Column("whole", Boolean(create_constraint=False), nullable=False),
    Column("items", Integer, nullable=False),
    Column("reason", Text, nullable=False),
)

disputed_items = Table(
    "disputed_items",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("dispute", BigInteger, primary_key=True, autoincrement=False),  # the position of the dispute
    Column("registration", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

mixes = Table(
    "mixes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("recipe", Text, nullable=False),  # JSON, resolved
    Column("taken", Text, nullable=False),  # JSON: items, digest, counts, and the result of each part
    Column("created_at", BigInteger, nullable=False),
)

# The answers to requests with an Idempotency-Key. An answer is stored in the same transaction as the write.
answers = Table(
    "answers",
    metadata,
    Column("organization", ForeignKey("organizations.id"), primary_key=True),
    Column("route", String(255), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request", LargeBinary(32), nullable=False),  # SHA-256 of the request
    Column("status", SmallInteger),
    Column("body", LargeBinary),
    Column("answered_at", BigInteger, nullable=False),
)
