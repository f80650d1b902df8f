"""`python -m seqnet COMMAND`, the same as `seqnet COMMAND`."""

from seqnet.cli import main

if __name__ == "__main__":
    main()
