"""Writes schemas/ anew from the models: `python -m tools.write_schemas`."""

from pathlib import Path

from chamiperf_ci.models.schemas import exported

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"


def main() -> None:
    """Write each schema, and take away those of documents that are no more."""
    texts = exported()
    SCHEMAS.mkdir(exist_ok=True)
    for stale in set(SCHEMAS.glob("*.schema.json")) - {SCHEMAS / name for name in texts}:
        stale.unlink()
    for name, text in texts.items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
