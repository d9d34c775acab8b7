"""Filters for engines that need a subclass of their own; each module imports its engine. Others use `annotate`."""
