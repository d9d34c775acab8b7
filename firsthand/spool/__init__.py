"""The spool of the recorder: segments on disk, and the sender that registers them."""
