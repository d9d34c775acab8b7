"""Local and remote files: discovery, compression, formats, and the items in them."""
