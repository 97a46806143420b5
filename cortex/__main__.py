"""`python -m cortex` is `cortex`."""

from cortex.cli import main

main()
