"""The four dashboards of ADR-012 as code; `python -m dashboards.write` writes what Grafana reads."""
