"""Parts of HTML pages: the page itself, curves, strips of frames."""
