"""The database: tables, engine, blocks and migrations."""
