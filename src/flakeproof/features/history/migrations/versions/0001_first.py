"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make them."""
    for name, what in (("test", "name"), ("signature", "text")):
        op.create_table(
            name,
            sa.Column("id", _ID, primary_key=True),
            sa.Column("digest", sa.String(40), nullable=False, unique=True),
            sa.Column(what, sa.Text, nullable=False),
        )
    op.create_table(
        "roster",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("digest", sa.String(40), nullable=False, unique=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("tests", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "job",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("build", sa.Text, nullable=False),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("branch", sa.Text, nullable=False),
        sa.Column("commit", sa.Text, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("roster_id", _ID, sa.ForeignKey("roster.id"), nullable=False),
        sa.Column("trials", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("provoked", sa.Boolean, nullable=False),
    )
    op.create_index("ix_job_started", "job", ["started"])
    op.create_table(
        "failure",
        sa.Column("job_id", _ID, sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("test_id", _ID, sa.ForeignKey("test.id"), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("trials", sa.Integer, nullable=False),
        sa.Column("passed_later", sa.Boolean, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("signature_id", _ID, sa.ForeignKey("signature.id"), nullable=True),
    )
    op.create_table(
        "document",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("job_id", _ID, sa.ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("ix_document_job_id", "document", ["job_id"])
