"""Add the columns `block` and `start` to registrations, so that registrations can share a block.

Before this revision, registrations could not share blocks.
"""

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
        raise RuntimeError(
            "Cannot downgrade: some registrations share a block, which the earlier revision does not support. "
            "Restore a backup that was made before the upgrade, or keep this revision."
        )
    with op.batch_alter_table("registrations") as table:
        table.drop_column("start")
        table.drop_column("block")
