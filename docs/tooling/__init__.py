"""The tools that build the documentation site: code fences, generated reference pages, and the check of links."""
