"""Filters for engines that require a subclass. Each module imports its engine. Other engines use `annotate`."""
