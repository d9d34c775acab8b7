"""The database: tables, engine, bulk statements, blocks and migrations."""
