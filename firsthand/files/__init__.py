"""Local and remote files: where they are, how they are packed, and the items in them."""
