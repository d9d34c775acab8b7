"""The first schema: statements, registrations, claims, blocks, overlaps, corrections, mixes, answers.

The name of the revision is the name of its file, so that you can find the file of a revision in an error message.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_first"
down_revision = None
branch_labels = None
depends_on = None


def _claim_partitions() -> int:
    """Return the number of partitions in the settings.

    PostgreSQL distributes digests over the partitions by their hash, because digests may not be uniformly distributed.
    """
    number: int = op.get_context().opts["claim_partitions"]
    return number


def upgrade() -> None:
    op.create_table(
        "blocks",
        sa.Column("registration", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.LargeBinary(), nullable=True),
        sa.Column("confidence", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("registration", "number", name=op.f("pk_blocks")),
    )
    op.create_table(
        "claims",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("registration", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("digest", "registration", name=op.f("pk_claims")),
        sqlite_with_rowid=False,
        postgresql_partition_by="HASH (digest)" if _claim_partitions() > 1 else None,
    )
    if op.get_bind().dialect.name == "postgresql" and _claim_partitions() > 1:
        for number in range(_claim_partitions()):
            of = f"MODULUS {_claim_partitions()}, REMAINDER {number}"
            op.execute(f"CREATE TABLE claims_{number} PARTITION OF claims FOR VALUES WITH ({of})")
    op.create_table(
        "disputed_items",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("dispute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("registration", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "dispute", name=op.f("pk_disputed_items")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_head")),
    )
    op.create_table(
        "mixes",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("taken", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mixes")),
    )
    op.create_table(
        "organizations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("name", name=op.f("uq_organizations_name")),
        sa.UniqueConstraint("position", name=op.f("uq_organizations_position")),
    )
    op.create_table(
        "overlaps",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_overlaps")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "withdrawals",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("statement", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_withdrawals")),
    )
    with op.batch_alter_table("withdrawals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_withdrawals_statement"), ["statement"], unique=False)

    op.create_table(
        "withdrawn_items",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("registration", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "registration", name=op.f("pk_withdrawn_items")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "answers",
        sa.Column("organization", sa.Integer(), nullable=False),
        sa.Column("route", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization"], ["organizations.id"], name=op.f("fk_answers_organization")),
        sa.PrimaryKeyConstraint("organization", "route", "key", name=op.f("pk_answers")),
    )
    op.create_table(
        "datasets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=201), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization"], ["organizations.id"], name=op.f("fk_datasets_organization")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("name", name=op.f("uq_datasets_name")),
        sa.UniqueConstraint("position", name=op.f("uq_datasets_position")),
    )
    op.create_table(
        "disputes",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("organization", sa.Integer(), nullable=False),
        sa.Column("registration", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organization"], ["organizations.id"], name=op.f("fk_disputes_organization")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_disputes")),
    )
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disputes_registration"), ["registration"], unique=False)

    op.create_table(
        "keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("organization", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.String(length=40), nullable=False),
        sa.Column("secret", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["organization"], ["organizations.id"], name=op.f("fk_keys_organization")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=302), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("trained_on", sa.Text(), nullable=False),
        sa.Column("declared", sa.Integer(), nullable=True),
        sa.Column("served_from", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization"], ["organizations.id"], name=op.f("fk_models_organization")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("name", name=op.f("uq_models_name")),
        sa.UniqueConstraint("position", name=op.f("uq_models_position")),
    )
    op.create_table(
        "statements",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("organization", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["organization"], ["organizations.id"], name=op.f("fk_statements_organization")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_statements")),
    )
    op.create_table(
        "derivations",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("generation", sa.SmallInteger(), nullable=False),
        sa.Column("lower_bound", sa.Boolean(), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.id"], name=op.f("fk_derivations_model")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_derivations")),
    )
    with op.batch_alter_table("derivations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_derivations_model"), ["model"], unique=False)

    op.create_table(
        "registrations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("organization", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.Integer(), nullable=False),
        sa.Column("origin", sa.SmallInteger(), nullable=False),
        sa.Column("model", sa.Integer(), nullable=True),
        sa.Column("evidence", sa.String(length=16), nullable=False),
        sa.Column("collected_at", sa.BigInteger(), nullable=True),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("has_size", sa.Boolean(), nullable=False),
        sa.Column("has_confidence", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.id"], name=op.f("fk_registrations_dataset")),
        sa.ForeignKeyConstraint(["model"], ["models.id"], name=op.f("fk_registrations_model")),
        sa.ForeignKeyConstraint(["organization"], ["organizations.id"], name=op.f("fk_registrations_organization")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registrations")),
        sa.UniqueConstraint("position", name=op.f("uq_registrations_position")),
    )
    op.execute("INSERT INTO head (id, position) VALUES (1, 0)")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE registration_ids")
        # hashes cannot be compressed, so they are stored outside of the row without compression
        op.execute("ALTER TABLE blocks ALTER COLUMN digests SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("registrations")
    with op.batch_alter_table("derivations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_derivations_model"))

    op.drop_table("derivations")
    op.drop_table("statements")
    op.drop_table("models")
    op.drop_table("keys")
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_disputes_registration"))

    op.drop_table("disputes")
    op.drop_table("datasets")
    op.drop_table("answers")
    op.drop_table("withdrawn_items")
    with op.batch_alter_table("withdrawals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_withdrawals_statement"))

    op.drop_table("withdrawals")
    op.drop_table("overlaps")
    op.drop_table("organizations")
    op.drop_table("mixes")
    op.drop_table("head")
    op.drop_table("disputed_items")
    op.drop_table("claims")
    op.drop_table("blocks")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE registration_ids")
