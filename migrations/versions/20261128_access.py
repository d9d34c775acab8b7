"""Add the expiry and the last use of keys, the scope `operator`, and an index for the expiry of stored answers.

Before this revision, the scope `admin` was for the whole registry. Now it is only for the key's own organization. Each
valid key with this scope also gets the scope `operator`, so that it keeps its permissions.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_access"
down_revision = "20261125_shared_blocks"
branch_labels = None
depends_on = None

_keys = sa.table("keys", sa.column("id"), sa.column("scopes"), sa.column("revoked_at"))


def upgrade() -> None:
    op.add_column("keys", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("last_used_at", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("replaced_by", sa.String(length=16), nullable=True))
    op.create_index(op.f("ix_answers_answered_at"), "answers", ["answered_at"])
    for id_, scopes in _valid_keys():
        if "admin" in scopes:
            _set_scopes(id_, scopes | {"operator"})


def downgrade() -> None:
    for id_, scopes in _valid_keys():
        if "admin" in scopes and "operator" not in scopes:
            raise RuntimeError(
                f"Cannot downgrade: the key {id_} may administer its own organization; in the earlier revision it "
                "could administer the whole registry. Revoke it first."
            )
        if "operator" in scopes:
            _set_scopes(id_, scopes - {"operator"} | {"admin"})
    op.drop_index(op.f("ix_answers_answered_at"), table_name="answers")
    with op.batch_alter_table("keys") as table:
        table.drop_column("replaced_by")
        table.drop_column("last_used_at")
        table.drop_column("expires_at")


def _valid_keys() -> list[tuple[str, set[str]]]:
    """Return the id and the scopes of each key that was not revoked."""
    rows = op.get_bind().execute(sa.select(_keys.c.id, _keys.c.scopes).where(_keys.c.revoked_at.is_(None)))
    return [(id_, set(scopes.split())) for id_, scopes in rows]


def _set_scopes(id_: str, scopes: set[str]) -> None:
    op.execute(_keys.update().where(_keys.c.id == id_).values(scopes=" ".join(sorted(scopes))))
