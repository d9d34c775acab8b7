"""The database: its tables, its engine, SQL for many rows, blocks and migrations."""
