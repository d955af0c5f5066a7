"""SIP, written the way h11 is written, run the way trio runs."""
