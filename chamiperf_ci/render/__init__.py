"""Models in, text out: markdown, HTML, JUnit XML; pure."""
