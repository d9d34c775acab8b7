"""Add the organization that stored a mix, because mixes are counted per organization.

For mixes that were stored before, the organization is not known.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_mix_organization"
down_revision = "20261128_access"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("mixes") as table:
        table.add_column(sa.Column("organization", sa.Integer(), nullable=True))
        table.create_foreign_key("fk_mixes_organization", "organizations", ["organization"], ["id"])
        table.create_index("ix_mixes_organization", ["organization"])


def downgrade() -> None:
    with op.batch_alter_table("mixes") as table:
        table.drop_index("ix_mixes_organization")
        table.drop_constraint("fk_mixes_organization", type_="foreignkey")
        table.drop_column("organization")
