"""Runs programs that a model has written, where they can do no harm and can't judge themselves.

    outside      run.Sandbox: takes programs and checks, gives outcomes; it relays, and keeps the time
      |  |
      |  checks.py    a sandbox of its own that runs the benchmark's tests and never a line of the program
      program.py      the sandbox in which the program runs; it is sent arguments, and sends plain values

A program is called over a wire that carries plain values only (`wire.py`), so an object of its own can't take
part in a comparison, and what decides is out of its reach: another process, in other namespaces.
"""
