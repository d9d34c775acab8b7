"""The recorder: how long it delays the code that calls it."""
