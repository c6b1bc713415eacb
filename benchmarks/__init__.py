"""What the service reaches on this machine: `python -m benchmarks` prints a table and writes it as JSON.

Everything measured is real: processes started as a user starts them, durability on, HTTP to instance processes.
Since absolute times differ from machine to machine, the same load is put on a bare FastAPI endpoint that inserts
one row durably (`bare_endpoint`), between the rounds, and the ratio to it is printed.

Files: `figures` (what is measured), `plan` (goals and sizes), `deployment` and `children` (what is started),
`load` with `connection` (the load generator, a process of its own), `report` (table and JSON).
"""
