"""Real programs that others wrote, over real sockets on the loopback interface.

They come from Debian's packages sip-tester (SIPp), sipsak, baresip-core and linphone-cli.  Where
one is missing its tests are skipped, except where the environment variable CI says that all must run.
"""
