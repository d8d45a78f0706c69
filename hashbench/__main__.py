"""`python -m hashbench` is the `hashbench` command."""

from hashbench.cli.main import main

if __name__ == "__main__":
    main()
