"""What the stack costs, measured against what the machine can do at all.

``python -m tools.bench`` measures everything and prints a table; ``--help`` lists the parts.

Absolute figures move from machine to machine and from run to run, so each is given three times:
CPU microseconds an operation, as a ratio to the floor of the same run, and "on the scale": the
figure this run would have given on a machine where that floor costs what it cost on the
reference machine.  The floors are the least that Python can do: splitting a message at its line
ends and colons, and echoing a datagram.
"""
