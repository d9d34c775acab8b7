"""The speed of the simulator, compared with numpy, scikit-learn and plain torch."""
