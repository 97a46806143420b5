"""The verbs of the command line, one module each, and what they share; `cortex.cli` imports the one that is called.

Those that ask a running daemon have to answer within a blink, so what they import has neither aiohttp nor msgspec nor
rich in it.
"""
