"""`python -m synclora_lite.cli` is `synclora`."""

from synclora_lite.cli import main

if __name__ == "__main__":
    main()
