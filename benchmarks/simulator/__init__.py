"""The speed of the simulator, beside numpy, scikit-learn and bare torch."""
