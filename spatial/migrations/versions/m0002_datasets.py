"""Datasets: what stands in a city, where it came from, how many rows came in."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the table of datasets."""
    op.execute(r"""
        CREATE TABLE wanmi.dataset (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          city smallint NOT NULL REFERENCES wanmi.city (id) ON DELETE CASCADE,
          key text NOT NULL CHECK (key <> '' AND char_length(key) <= 200),
          kind text NOT NULL CHECK (kind IN ('layer', 'stream', 'raster')),
          layer text,
          title_zh text NOT NULL CHECK (title_zh <> ''),
          title_en text NOT NULL CHECK (title_en <> ''),
          source text,
          source_url text,
          licence text,
          attribution text,
          recipe text,
          files text[] NOT NULL DEFAULT '{}',
          read bigint NOT NULL DEFAULT 0,
          written bigint NOT NULL DEFAULT 0,
          refused bigint NOT NULL DEFAULT 0,
          set_aside bigint NOT NULL DEFAULT 0,
          repaired bigint NOT NULL DEFAULT 0,
          extent geometry(Polygon, 4490),
          path text,
          metadata jsonb NOT NULL DEFAULT '{}',
          loaded_at timestamptz NOT NULL DEFAULT now(),
          seconds double precision,
          UNIQUE (city, key),
          CHECK ((kind = 'raster') = (layer IS NULL) AND (kind = 'raster') = (path IS NOT NULL))
        )
    """)
    op.execute("COMMENT ON TABLE wanmi.dataset IS '数据集'")


def downgrade() -> None:
    """Takes the table away; the rows that the datasets tell of stay."""
    op.execute("DROP TABLE wanmi.dataset")
