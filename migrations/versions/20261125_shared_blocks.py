"""Registrations that share a block: where in it the items of each begin. Until now each had blocks of its own."""

import sqlalchemy as sa
from alembic import op

revision = "20261125_shared_blocks"
down_revision = "20261122_first"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("registrations") as table:
        table.add_column(sa.Column("block", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("start", sa.Integer(), nullable=True))
    op.execute("UPDATE registrations SET block = id, start = 0")
    with op.batch_alter_table("registrations") as table:
        table.alter_column("block", existing_type=sa.BigInteger(), nullable=False)
        table.alter_column("start", existing_type=sa.Integer(), nullable=False)


def downgrade() -> None:
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM registrations WHERE block <> id")):
        raise RuntimeError("registrations share blocks, which the revision before does not know")
    with op.batch_alter_table("registrations") as table:
        table.drop_column("start")
        table.drop_column("block")
