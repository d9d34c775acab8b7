"""The latency of `firsthand.Recorder`: the time by which it delays the code that calls it."""
