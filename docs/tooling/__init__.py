"""What builds the documentation site: fences, generated reference pages, the check of links."""
