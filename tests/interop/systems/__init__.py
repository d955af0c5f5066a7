"""Telephones made of libraries that are not ours, each a program that is told what to do by lines.

They read ``answer``, ``dial URI`` and ``hang up``, and say ``at HOST:PORT``, ``rings``, ``stands``
and ``is over``.  Nothing is installed beside them but the library and the standard library.
"""
