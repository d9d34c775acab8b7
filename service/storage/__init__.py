"""The database: its tables, its engine, bulk statements, blocks and migrations."""
