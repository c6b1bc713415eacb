"""What the service reaches on this machine: `python -m benchmarks` prints a table and writes it as JSON.

Everything measured is real: processes started as a user starts them, durability on, HTTP to instance processes.
Since absolute times differ from machine to machine, the same load is put on the simplest thing that keeps what it
takes, between the rounds, and the ratio to it is printed: over HTTP a bare FastAPI endpoint that inserts one row
durably (`bare_endpoint`), over AMQP a durable queue with one consumer (`bare_consumer`), and Celery where there is one
(`celery_tasks`, `celery_publisher`).

Files: `figures`, `agents`, `workers`, `yields` (what is measured), `plan` (goals and sizes), `deployment` and
`children` (what is started), `load` with `connection` and `publisher` (the load generators, processes of their own),
`work` (what workers run), `report` (table and JSON).
"""
