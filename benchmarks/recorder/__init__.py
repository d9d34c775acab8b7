"""The latency of `firsthand.Recorder`: how long it delays the code that calls it."""
