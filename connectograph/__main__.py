"""``python -m connectograph``."""

from connectograph.cli import run

if __name__ == "__main__":
    run()
