"""GitHub through its REST API: comments, pull requests, issues, artifacts; one module each, one choke point (`api`)."""
