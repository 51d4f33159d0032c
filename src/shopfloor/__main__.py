"""`python -m shopfloor` is the same as `shopfloor`."""

from shopfloor.cli import main

if __name__ == "__main__":
    main()
