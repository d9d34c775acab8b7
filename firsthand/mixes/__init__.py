"""Mixes: recipes as text, and the download of the items of a mix."""
